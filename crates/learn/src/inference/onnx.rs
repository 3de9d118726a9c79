//! A look into an ONNX file without running it: what it stands on, and whether it asks for more than is safe.

use std::collections::BTreeSet;

/// Graphs inside graphs are followed this deep.
const DEPTH_MAX: usize = 8;

/// What a file says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// The kinds of operators it uses.
    pub(super) operators: BTreeSet<String>,
    /// How many operators it has.
    pub(super) nodes: usize,
    /// It keeps weights in other files.
    pub(super) has_external_data: bool,
}

/// Field of a protobuf message.
enum Field<'a> {
    Number,
    Bytes(&'a [u8]),
}

/// Reads what the file says; the error says where it is not an ONNX file.
pub(super) fn summary(file: &[u8]) -> Result<Summary, String> {
    let mut summary = Summary::default();
    let mut has_graph = false;
    for field in Fields(file) {
        if let (7, Field::Bytes(graph)) = field? {
            has_graph = true;
            read_graph(graph, &mut summary, DEPTH_MAX)?;
        }
    }
    if has_graph { Ok(summary) } else { Err("there is no graph in it".to_owned()) }
}

fn read_graph(graph: &[u8], summary: &mut Summary, depth: usize) -> Result<(), String> {
    if depth == 0 {
        return Err(format!("graphs stand in graphs more than {DEPTH_MAX} deep"));
    }
    for field in Fields(graph) {
        match field? {
            (1, Field::Bytes(node)) => read_node(node, summary, depth)?,
            // An initializer: field 13 names another file.
            (5, Field::Bytes(weights)) => {
                for field in Fields(weights) {
                    summary.has_external_data |= matches!(field?, (13, Field::Bytes(_)));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_node(node: &[u8], summary: &mut Summary, depth: usize) -> Result<(), String> {
    summary.nodes += 1;
    for field in Fields(node) {
        match field? {
            (4, Field::Bytes(kind)) => {
                summary.operators.insert(String::from_utf8_lossy(kind).into_owned());
            }
            (5, Field::Bytes(attribute)) => {
                for field in Fields(attribute) {
                    if let (6, Field::Bytes(graph)) = field? {
                        read_graph(graph, summary, depth - 1)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The fields of a message, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for at in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => self.varint().map(|_| Field::Number)?,
            1 => self.take(8).map(|_| Field::Number)?,
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Number)?,
            _ => return None,
        };
        Some((tag >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let left = self.0.len();
        let field = self.field().ok_or_else(|| format!("it is broken {left} bytes before an end"));
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}
