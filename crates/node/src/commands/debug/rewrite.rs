//! `DEBUG CONFIG-REWRITE-FORCE-ALL`.

use commands::{CommandError, CommandResult, Outcome};
use parameters::{Extras, table};

use crate::ctx::NodeCtx;

/// Rewrites the configuration file with a line for every parameter, defaults included: a line for each that the file
/// does not mention goes in first, and the rewriting gives it its value.
pub(super) fn config_rewrite_force_all(ctx: &mut NodeCtx<'_>) -> CommandResult {
    let failed =
        |reason: String| CommandError::owned(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {reason}"));
    let parameters = ctx.node.parameters.lock().unwrap_or_else(|e| e.into_inner());
    let Some(path) = &parameters.config_file else {
        return Err(failed("the server was started without a configuration file".into()));
    };
    let mut text = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    let mentioned: Vec<Vec<u8>> = text
        .split(|&b| b == b'\n')
        .filter_map(|line| line.trim_ascii().split(u8::is_ascii_whitespace).next())
        .map(<[u8]>::to_ascii_lowercase)
        .collect();
    for id in table::all() {
        let name = id.row().name;
        if mentioned.iter().any(|m| m == name.as_bytes()) {
            continue;
        }
        if text.last().is_some_and(|&b| b != b'\n') {
            text.push(b'\n');
        }
        for class in
            if name == "client-output-buffer-limit" { &["normal", "replica", "pubsub"][..] } else { &[""] }
        {
            text.extend_from_slice(format!("{name} {class}\n").as_bytes());
        }
    }
    let new = parameters.rewrite(&text, &Extras::default());
    let beside = path.with_extension("rewrite");
    std::fs::write(&beside, new)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|e| failed(e.to_string()))?;
    ctx.data.reply.ok();
    Ok(Outcome::Done)
}
