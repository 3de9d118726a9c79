//! Writes small ONNX files: nets that were trained here, and what tests are made of.

use super::tensor::{Numbers, Tensor};

/// The version of the file format.
const FORMAT: u64 = 8;
/// The version of the set of operators.
const OPERATORS: u64 = 17;
/// The number of real numbers among the types of elements,
const FLOAT: u64 = 1;
/// and of whole ones.
const INTEGER: u64 = 6;
/// The type of an attribute that is a list of whole numbers.
const ATTRIBUTE_INTEGERS: u64 = 7;

/// A message of protobuf in the making.
#[derive(Debug, Default, Clone)]
pub(super) struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    /// A field that is a number.
    pub(super) fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }

    /// A field that is bytes, text or a message.
    pub(super) fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        message.0.extend_from_slice(bytes);
        message
    }

    fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// An ONNX graph in the making: inputs, nodes in the order in which they are computed, outputs.
#[derive(Debug, Default, Clone)]
pub struct Graph {
    nodes: Vec<Message>,
    weights: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
}

impl Graph {
    /// An input of real numbers.
    #[must_use]
    pub fn input(mut self, name: &str, shape: &[usize]) -> Self {
        self.inputs.push(port(name, shape));
        self
    }

    /// An output of real numbers.
    #[must_use]
    pub fn output(mut self, name: &str, shape: &[usize]) -> Self {
        self.outputs.push(port(name, shape));
        self
    }

    /// Numbers that belong to the model.
    #[must_use]
    pub fn weights(mut self, name: &str, tensor: &Tensor) -> Self {
        let (kind, raw): (u64, Vec<u8>) = match &tensor.numbers {
            Numbers::Float(numbers) => (FLOAT, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
            Numbers::Integer(numbers) => (INTEGER, numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
        };
        let shaped = tensor.shape.iter().fold(Message::default(), |message, length| message.number(1, *length as u64));
        self.weights.push(shaped.number(2, kind).bytes(8, name.as_bytes()).bytes(9, &raw));
        self
    }

    /// Numbers that belong to the model, as a message that somebody else made.
    #[cfg(test)]
    pub(super) fn raw_weights(mut self, message: Message) -> Self {
        self.weights.push(message);
        self
    }

    /// What an operator makes of inputs and weights; its attributes are lists of whole numbers.
    #[must_use]
    pub fn node(mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[u64])]) -> Self {
        let node = inputs.iter().fold(Message::default(), |node, input| node.bytes(1, input.as_bytes()));
        let node = node.bytes(2, output.as_bytes()).bytes(4, operator.as_bytes());
        self.nodes.push(attributes.iter().fold(node, |node, (name, numbers)| {
            let named = Message::default().bytes(1, name.as_bytes());
            let listed = numbers.iter().fold(named, |attribute, number| attribute.number(8, *number));
            node.message(5, &listed.number(20, ATTRIBUTE_INTEGERS))
        }));
        self
    }

    /// The bytes of the file.
    pub fn file(&self) -> Vec<u8> {
        let put = |field: u64| move |graph: Message, part: &Message| graph.message(field, part);
        let graph = self.nodes.iter().fold(Message::default(), put(1)).bytes(2, b"graph");
        let graph = self.weights.iter().fold(graph, put(5));
        let graph = self.inputs.iter().fold(graph, put(11));
        let graph = self.outputs.iter().fold(graph, put(12));
        let operators = Message::default().bytes(1, b"").number(2, OPERATORS);
        Message::default().number(1, FORMAT).message(7, &graph).message(8, &operators).0
    }
}

/// The declaration of real numbers with a shape.
fn port(name: &str, shape: &[usize]) -> Message {
    let length = |length: &usize| Message::default().number(1, *length as u64);
    let lengths = shape.iter().fold(Message::default(), |message, it| message.message(1, &length(it)));
    let tensor = Message::default().number(1, FLOAT).message(2, &lengths);
    Message::default().bytes(1, name.as_bytes()).message(2, &Message::default().message(1, &tensor))
}
