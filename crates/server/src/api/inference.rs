//! Models that people bring, and what they are bound to.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use serde::Serialize;
use site::inference::{Binding, BindingSpec, InferenceModel, Try, TryAnswer};
use utoipa::ToSchema;

use super::App;
use crate::http::extract::body;
use crate::http::multipart::parts;
use crate::http::{Caller, Json, LargeJson, Path, Problem};

/// The largest upload of a model with its manifest, in bytes.
pub const MODEL_BYTES_MAX: usize = 136 * 1024 * 1024;
/// The largest body of a try, in bytes.
const TRY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A model and what is said of it, as a form.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes the form; the parts are read one by one")]
pub struct ModelUpload {
    /// The manifest, JSON; `docs/models.md` describes it.
    #[schema(value_type = Object)]
    manifest: serde_json::Value,
    /// The ONNX file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Every model that people brought.
#[derive(Debug, Serialize, ToSchema)]
pub struct InferenceModels {
    /// In order of id.
    pub items: Vec<InferenceModel>,
}

/// Every binding.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bindings {
    /// The oldest first.
    pub items: Vec<Binding>,
}

/// The models that people brought.
#[utoipa::path(get, path = "/inference/models", tag = "mind", responses((status = 200, body = InferenceModels)))]
pub async fn list_inference_models(State(app): State<App>) -> Json<InferenceModels> {
    Json(InferenceModels { items: app.site.inference_models() })
}

/// Brings a model: a form with the parts `manifest` and `file`, at most 136 MiB together and 128 MiB the file. It is
/// taken when it is what its manifest says and computes its golden vectors; the answer waits for that.
#[utoipa::path(post, path = "/inference/models", tag = "mind",
    request_body(content = ModelUpload, content_type = "multipart/form-data"),
    responses((status = 201, body = InferenceModel)))]
pub async fn install_inference_model(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<InferenceModel>), Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = body(request, MODEL_BYTES_MAX).await?;
    let parts = parts(&content_type, &body)?;
    let part = |name: &str| {
        let found = parts.iter().find(|part| part.name == name).map(|part| part.bytes.clone());
        found.ok_or_else(|| {
            let hint = "send a form with the parts manifest (JSON) and file (ONNX)";
            Problem::malformed(format!("the form has no part {name}")).at(name).hint(hint)
        })
    };
    let (manifest, file) = (part("manifest")?, part("file")?);
    let by = caller.identity.principal.id().to_owned();
    let install = move |site: &std::sync::Arc<site::Site>| site.install_model(&manifest, file.to_vec(), &by);
    Ok((StatusCode::CREATED, Json(app.blocking(install).await?)))
}

/// One model.
#[utoipa::path(get, path = "/inference/models/{id}", tag = "mind", params(("id" = String, Path)),
    responses((status = 200, body = InferenceModel)))]
pub async fn get_inference_model(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<InferenceModel>, Problem> {
    Ok(Json(app.site.inference_model(&id)?))
}

/// Lets a model go. 409 while something is bound to it.
#[utoipa::path(delete, path = "/inference/models/{id}", tag = "mind", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_inference_model(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    app.blocking(move |site| site.remove_model(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a model answer to values that are given. Nothing comes of it but the answer.
#[utoipa::path(post, path = "/inference/models/{id}/try", tag = "mind", params(("id" = String, Path)),
    request_body = Try, responses((status = 200, body = TryAnswer)))]
pub async fn try_inference_model(
    State(app): State<App>,
    Path(id): Path<String>,
    LargeJson(wanted): LargeJson<Try, TRY_BYTES_MAX>,
) -> Result<Json<TryAnswer>, Problem> {
    Ok(Json(app.blocking(move |site| site.try_model(&id, wanted)).await?))
}

/// What models are bound to, and what came of it.
#[utoipa::path(get, path = "/inference/bindings", tag = "mind", responses((status = 200, body = Bindings)))]
pub async fn list_bindings(State(app): State<App>) -> Json<Bindings> {
    Json(Bindings { items: app.site.bindings() })
}

/// Binds a model to streams: what it says becomes records of a thing.
#[utoipa::path(post, path = "/inference/bindings", tag = "mind", request_body = BindingSpec,
    responses((status = 201, body = Binding)))]
pub async fn make_binding(
    State(app): State<App>,
    caller: Caller,
    Json(spec): Json<BindingSpec>,
) -> Result<(StatusCode, Json<Binding>), Problem> {
    let by = caller.identity.principal.id().to_owned();
    Ok((StatusCode::CREATED, Json(app.blocking(move |site| site.bind_model(spec, &by)).await?)))
}

/// One binding.
#[utoipa::path(get, path = "/inference/bindings/{id}", tag = "mind", params(("id" = String, Path)),
    responses((status = 200, body = Binding)))]
pub async fn get_binding(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Binding>, Problem> {
    Ok(Json(app.site.binding(&id)?))
}

/// Changes a binding. With a `successor` both models get the same values and are compared; naming it as the `model`
/// puts it in the model's place between two runs.
#[utoipa::path(put, path = "/inference/bindings/{id}", tag = "mind", params(("id" = String, Path)),
    request_body = BindingSpec, responses((status = 200, body = Binding)))]
pub async fn change_binding(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Json(spec): Json<BindingSpec>,
) -> Result<Json<Binding>, Problem> {
    let by = caller.identity.principal.id().to_owned();
    Ok(Json(app.blocking(move |site| site.change_binding(&id, spec, &by)).await?))
}

/// Lets a binding go. What its model said stays.
#[utoipa::path(delete, path = "/inference/bindings/{id}", tag = "mind", params(("id" = String, Path)),
    responses((status = 204)))]
pub async fn delete_binding(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    app.blocking(move |site| site.unbind_model(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
