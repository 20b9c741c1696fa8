//! Handlers' way to the shards: who calls, and which shard is asked.

use std::sync::Arc;

use headrace_protocol::ErrorCode;
use headrace_state::group::{Caller, Effects, Response, Shard, Token};

use super::LedShard;
use crate::handlers::Context;

/// The shard of `group`, or why this broker does not coordinate it.
pub(crate) fn shard_of(cx: &Context, group: &str) -> Result<Arc<LedShard>, ErrorCode> {
    cx.broker.groups.shard_of(&cx.broker.image(), group)
}

/// Something that is answered at once.
pub(crate) fn ask<T>(
    cx: &Context,
    group: &str,
    f: impl FnOnce(&mut Shard, &Caller<'_>) -> T,
) -> Result<T, ErrorCode> {
    let shard = shard_of(cx, group)?;
    let host = cx.client_host();
    let caller = caller(cx, &shard, &host);
    shard.read(|machine| f(machine, &caller))
}

/// Something whose answer may have to wait.
pub(crate) async fn call<T: TryFrom<Response>>(
    cx: &Context,
    group: &str,
    f: impl FnOnce(&mut Shard, &Caller<'_>, Token) -> Effects + Send,
) -> Result<T, ErrorCode> {
    let shard = shard_of(cx, group)?;
    let host = cx.client_host();
    let caller = caller(cx, &shard, &host);
    let response = shard.call(|machine, token| f(machine, &caller, token)).await?;
    T::try_from(response).map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn caller<'a>(cx: &'a Context, shard: &LedShard, client_host: &'a str) -> Caller<'a> {
    Caller {
        now: shard.now(),
        api_version: cx.api_version,
        client_id: cx.client_id.as_deref().unwrap_or_default(),
        client_host,
        fresh_id: rand::random(),
    }
}
