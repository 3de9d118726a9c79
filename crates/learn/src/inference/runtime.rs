//! The seam behind which an engine that runs ONNX models stands.

use super::tensor::Tensor;

/// An input of a model as it declares itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The lengths of its dimensions; `None` where any length will do, and altogether when nothing is declared.
    pub shape: Option<Vec<Option<usize>>>,
}

/// An engine.
pub trait Runtime: Send + Sync {
    /// Its name, for the model's card.
    fn name(&self) -> &'static str;

    /// Makes a model from the bytes of a file; the error says in words what the engine does not like.
    fn load(&self, file: Vec<u8>) -> Result<Box<dyn Network>, String>;
}

/// A model in an engine.
pub trait Network: Send + Sync {
    /// What it wants.
    fn inputs(&self) -> &[Port];

    /// The names of what it gives.
    fn outputs(&self) -> &[String];

    /// Runs it on one tensor an input, in the order of [`Self::inputs`].
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String>;

    /// Does work that runs it again and again, there where no run has to go over to another thread.
    fn at_work(&self, work: Box<dyn FnOnce() + Send + '_>) {
        work();
    }
}
