//! Factors a sparse symmetric matrix of which only the numbers change: the order and the pattern of its factor are found once.

/// The pattern of a factor, and its numbers.
pub(super) struct Cholesky {
    size: usize,
    /// Where each row of the matrix stands in the factor.
    place: Vec<usize>,
    /// The upper triangle of the ordered matrix, column by column; the diagonal comes last in each.
    begin: Vec<usize>,
    row: Vec<u32>,
    numbers: Vec<f64>,
    /// For each row of the factor the columns in which it has a number, in an order that can be eliminated.
    reach_begin: Vec<usize>,
    reach: Vec<u32>,
    /// The factor, column by column below its diagonal.
    factor_begin: Vec<usize>,
    factor_row: Vec<u32>,
    factor: Vec<f64>,
    diagonal: Vec<f64>,
    scratch: Vec<f64>,
    filled: Vec<usize>,
}

/// Pivots at or below this are of rows that the others say already.
const PIVOT_MIN: f64 = 1e-30;

impl Cholesky {
    /// The pattern of a factor for a matrix that has numbers at `pairs` of rows, and on its diagonal. Pairs may come several times.
    pub(super) fn of(size: usize, mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.iter_mut().for_each(|pair| *pair = (pair.0.min(pair.1), pair.0.max(pair.1)));
        pairs.retain(|pair| pair.0 != pair.1);
        pairs.sort_unstable();
        pairs.dedup();
        let place = order(size, &pairs);
        let mut ordered: Vec<(u32, u32)> = pairs
            .iter()
            .map(|(one, other)| (place[*one as usize] as u32, place[*other as usize] as u32))
            .map(|(one, other)| (one.max(other), one.min(other)))
            .chain((0..size as u32).map(|diagonal| (diagonal, diagonal)))
            .collect();
        ordered.sort_unstable();
        let begin = begins(size, ordered.iter().map(|(column, _)| *column as usize));
        let row: Vec<u32> = ordered.iter().map(|(_, row)| *row).collect();
        let parent = elimination_tree(size, &begin, &row);
        let (reach_begin, reach) = reaches(size, &begin, &row, &parent);
        let mut sizes = vec![0_usize; size];
        reach.iter().for_each(|column| sizes[*column as usize] += 1);
        let mut factor_begin = vec![0; size + 1];
        for column in 0..size {
            factor_begin[column + 1] = factor_begin[column] + sizes[column];
        }
        Self {
            size,
            place,
            numbers: vec![0.0; row.len()],
            begin,
            row,
            reach_begin,
            factor_row: vec![0; reach.len()],
            factor: vec![0.0; reach.len()],
            reach,
            factor_begin,
            diagonal: vec![1.0; size],
            scratch: vec![0.0; size],
            filled: vec![0; size],
        }
    }

    /// Where the number of two rows is kept.
    pub(super) fn position(&self, one: usize, other: usize) -> usize {
        let (one, other) = (self.place[one], self.place[other]);
        let (column, row) = (one.max(other), one.min(other) as u32);
        let (begin, end) = (self.begin[column], self.begin[column + 1]);
        begin + self.row[begin..end].binary_search(&row).expect("pairs were given when the pattern was made")
    }

    /// The numbers of the matrix, by [`Self::position`].
    pub(super) fn numbers(&mut self) -> &mut [f64] {
        &mut self.numbers
    }

    /// Factors the matrix of the numbers.
    pub(super) fn factor(&mut self) {
        self.filled.copy_from_slice(&self.factor_begin[..self.size]);
        for row in 0..self.size {
            for at in self.begin[row]..self.begin[row + 1] {
                self.scratch[self.row[at] as usize] = self.numbers[at];
            }
            let mut pivot = std::mem::take(&mut self.scratch[row]);
            for at in self.reach_begin[row]..self.reach_begin[row + 1] {
                let column = self.reach[at] as usize;
                let value = std::mem::take(&mut self.scratch[column]) / self.diagonal[column];
                let (begin, end) = (self.factor_begin[column], self.filled[column]);
                for (below, factor) in self.factor_row[begin..end].iter().zip(&self.factor[begin..end]) {
                    self.scratch[*below as usize] -= factor * value;
                }
                pivot -= value * value;
                self.factor_row[end] = row as u32;
                self.factor[end] = value;
                self.filled[column] = end + 1;
            }
            // A row without a pivot of its own is left as it is.
            self.diagonal[row] = if pivot > PIVOT_MIN { pivot.sqrt() } else { 1e60 };
        }
    }

    /// Solves for a right side, in its place.
    pub(super) fn solve(&mut self, right: &mut [f64]) {
        let Self { scratch, place, .. } = self;
        for (value, place) in right.iter().zip(&*place) {
            scratch[*place] = *value;
        }
        for column in 0..self.size {
            let value = scratch[column] / self.diagonal[column];
            scratch[column] = value;
            let range = self.factor_begin[column]..self.factor_begin[column + 1];
            for (row, factor) in self.factor_row[range.clone()].iter().zip(&self.factor[range]) {
                scratch[*row as usize] -= factor * value;
            }
        }
        for column in (0..self.size).rev() {
            let range = self.factor_begin[column]..self.factor_begin[column + 1];
            let parts = self.factor_row[range.clone()].iter().zip(&self.factor[range]);
            let sum: f64 = parts.map(|(row, factor)| scratch[*row as usize] * factor).sum();
            scratch[column] = (scratch[column] - sum) / self.diagonal[column];
        }
        for (value, place) in right.iter_mut().zip(&*place) {
            *value = std::mem::take(&mut scratch[*place]);
        }
    }
}

fn begins(size: usize, columns: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut begin = vec![0; size + 1];
    columns.for_each(|column| begin[column + 1] += 1);
    for column in 0..size {
        begin[column + 1] += begin[column];
    }
    begin
}

/// Where each row is to stand so that little is filled in: approximate minimum degree.
fn order(size: usize, pairs: &[(u32, u32)]) -> Vec<usize> {
    // The diagonal changes no order; without it a debug build of the orderer counts below 0.
    let diagonal = (0..size as u32).map(|row| (row, row));
    let both = pairs.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
    let mut both: Vec<(u32, u32)> = both.chain(diagonal).collect();
    both.sort_unstable();
    let begin: Vec<i64> =
        begins(size, both.iter().map(|pair| pair.0 as usize)).into_iter().map(|begin| begin as i64).collect();
    let rows: Vec<i64> = both.iter().map(|pair| i64::from(pair.1)).collect();
    match amd::order(size as i64, &begin, &rows, &amd::Control::default()) {
        Ok((_, place, _)) => place.into_iter().map(|place| place as usize).collect(),
        Err(_) => (0..size).collect(),
    }
}

/// The column that each column of the factor is needed for first.
fn elimination_tree(size: usize, begin: &[usize], row: &[u32]) -> Vec<usize> {
    let mut parent = vec![usize::MAX; size];
    let mut ancestor = vec![usize::MAX; size];
    for column in 0..size {
        for row in &row[begin[column]..begin[column + 1]] {
            let mut from = *row as usize;
            while from != usize::MAX && from < column {
                let next = std::mem::replace(&mut ancestor[from], column);
                if next == usize::MAX {
                    parent[from] = column;
                }
                from = next;
            }
        }
    }
    parent
}

/// For each row of the factor the columns with a number: from each of the matrix's numbers up the tree.
fn reaches(size: usize, begin: &[usize], row: &[u32], parent: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let mut reach_begin = vec![0];
    let mut reach: Vec<u32> = Vec::new();
    let mut seen = vec![usize::MAX; size];
    for column in 0..size {
        seen[column] = column;
        let start = reach.len();
        for row in &row[begin[column]..begin[column + 1]] {
            let mut from = *row as usize;
            while from != usize::MAX && seen[from] != column {
                reach.push(from as u32);
                seen[from] = column;
                from = parent[from];
            }
        }
        // A column is eliminated before those above it in the tree, and those have greater numbers.
        reach[start..].sort_unstable();
        reach_begin.push(reach.len());
    }
    (reach_begin, reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_factored_is_solved() {
        // An arrow and a chain: 2 on the diagonal plus enough, -1 beside.
        let size = 40;
        let mut pairs: Vec<(u32, u32)> = (1..size as u32).map(|row| (row - 1, row)).collect();
        pairs.extend((0..size as u32 - 1).map(|row| (row, size as u32 - 1)));
        let mut cholesky = Cholesky::of(size, pairs.clone());
        let positions: Vec<usize> =
            pairs.iter().map(|pair| cholesky.position(pair.0 as usize, pair.1 as usize)).collect();
        for position in &positions {
            cholesky.numbers()[*position] = -1.0;
        }
        for row in 0..size {
            let position = cholesky.position(row, row);
            cholesky.numbers()[position] = 4.0 + size as f64;
        }
        cholesky.factor();
        let wanted: Vec<f64> = (0..size).map(|row| (row as f64).sin()).collect();
        let mut right: Vec<f64> = wanted.iter().map(|value| value * (4.0 + size as f64)).collect();
        let mut seen = std::collections::HashSet::new();
        for (one, other) in pairs {
            if seen.insert((one, other)) {
                right[one as usize] -= wanted[other as usize];
                right[other as usize] -= wanted[one as usize];
            }
        }
        cholesky.solve(&mut right);
        let off = right.iter().zip(&wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f64::max);
        assert!(off < 1e-12, "{off}");
    }
}
