//! Models run by `rten`, on one thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::rten::{Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};

use rten_tensor::prelude::*;

use super::runtime::{Network, Port, Runtime};
use super::tensor::{Numbers, Tensor};

/// The engine. Each of its models has one thread: models share the machine with things.
#[derive(Debug, Default)]
pub struct Rten;

impl Rten {
    /// The engine.
    pub fn new() -> Self {
        Self
    }
}

impl Runtime for Rten {
    fn name(&self) -> &'static str {
        "rten"
    }

    fn load(&self, file: Vec<u8>) -> Result<Box<dyn Network>, String> {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = guarded(|| options.load(file).map_err(|error| error.to_string()))?;
        let name = |id: &NodeId| {
            model.node_info(*id).and_then(|node| node.name().map(str::to_owned)).unwrap_or_else(|| format!("{id:?}"))
        };
        let inputs = model.input_ids().iter().map(|id| Port { name: name(id), shape: shape(&model, *id) }).collect();
        let outputs = model.output_ids().iter().map(name).collect();
        let thread = Arc::new(ThreadPool::with_num_threads(1));
        Ok(Box::new(RtenNetwork { model, inputs, outputs, thread }))
    }
}

fn shape(model: &Model, id: NodeId) -> Option<Vec<Option<usize>>> {
    let shape = model.node_info(id)?.shape()?;
    Some(
        shape
            .into_iter()
            .map(|length| match length {
                Dimension::Fixed(length) => Some(length),
                Dimension::Symbolic(_) => None,
            })
            .collect(),
    )
}

/// A panic of the engine is the model's fault, not the end of the process.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().map(ToString::to_string);
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("the engine gave up: {}", words.unwrap_or_default()))
    })
}

struct RtenNetwork {
    model: Model,
    inputs: Vec<Port>,
    outputs: Vec<String>,
    thread: Arc<ThreadPool>,
}

impl Network for RtenNetwork {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        if inputs.len() != self.inputs.len() {
            return Err(format!("{} inputs were given, the model has {}", inputs.len(), self.inputs.len()));
        }
        let mut values = Vec::new();
        for (id, input) in self.model.input_ids().iter().zip(inputs) {
            let value = match &input.numbers {
                Numbers::Float(numbers) => {
                    Value::from_shape(&input.shape, numbers.clone()).map_err(|error| error.to_string())?
                }
                Numbers::Integer(numbers) => {
                    Value::from_shape(&input.shape, numbers.clone()).map_err(|error| error.to_string())?
                }
            };
            values.push((*id, value.into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.thread)));
        let outputs = guarded(|| {
            self.model.run(values, self.model.output_ids(), Some(options)).map_err(|error| error.to_string())
        })?;
        outputs.into_iter().map(tensor).collect()
    }

    fn at_work(&self, work: Box<dyn FnOnce() + Send + '_>) {
        self.thread.run(work);
    }
}

fn tensor(value: Value) -> Result<Tensor, String> {
    let dtype = value.dtype();
    let (shape, numbers) = match value {
        Value::FloatTensor(tensor) => (tensor.shape().to_vec(), Numbers::Float(tensor.to_vec())),
        Value::Int32Tensor(tensor) => (tensor.shape().to_vec(), Numbers::Integer(tensor.to_vec())),
        Value::Int8Tensor(tensor) => {
            (tensor.shape().to_vec(), Numbers::Integer(tensor.iter().map(|number| i32::from(*number)).collect()))
        }
        Value::UInt8Tensor(tensor) => {
            (tensor.shape().to_vec(), Numbers::Integer(tensor.iter().map(|number| i32::from(*number)).collect()))
        }
        _ => return Err(format!("an output is {dtype:?}, not a tensor")),
    };
    Ok(Tensor { shape, numbers })
}
