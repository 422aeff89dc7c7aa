//! A bound for Lua's pattern matcher, which calls itself once for each repeated item of a pattern.
//!
//! Lua 5.1 has none, so a long pattern takes all of the thread's stack, which ends the process. The functions put in
//! front of `string.find` and its kin refuse such a pattern and go on in the very frame they were called in: errors
//! keep their texts and places, which they would not behind a function of Lua's or of mlua's.

use std::ffi::c_int;

use mlua::ffi;
use mlua::ffi::lua_State;

/// Repeated items of a pattern. A level of the matcher takes some hundred bytes; a server with a stack of 8 MiB
/// ends at 173,000 levels, so what it answers is answered here.
const REPEATED_MAX: usize = 200_000;
/// A stack for scripts: the matcher at its bound, and 200 calls of C from Lua, each with a buffer of 8 KiB.
pub const STACK_BYTES: usize = 64 << 20;

/// The functions that match, and whether a fourth argument tells them not to.
const MATCHERS: [(&str, bool); 4] = [("find", true), ("match", false), ("gmatch", false), ("gsub", false)];

/// Refuses patterns that need more stack than [`STACK_BYTES`], from now on.
pub fn bound_patterns(lua: &mlua::Lua) -> mlua::Result<()> {
    let library: mlua::Table = lua.globals().raw_get("string")?;
    for (name, takes_plain) in MATCHERS {
        let matcher: mlua::Function = library.raw_get(name)?;
        // SAFETY: the closure takes its two arguments off the stack and leaves one function, which mlua pops.
        // `lua_pushcclosure` may raise for lack of memory; `exec_raw` catches that, and nothing here needs dropping.
        let bounded: mlua::Function = unsafe {
            lua.exec_raw((matcher, takes_plain), |state| ffi::lua_pushcclosure(state, bounded, 2))
        }?;
        library.raw_set(name, bounded)?;
    }
    Ok(())
}

/// Looks at the pattern, the second argument, and becomes the matcher.
unsafe extern "C-unwind" fn bounded(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state, whose upvalues are what `bound_patterns` gave. The bytes of a string
    // stay where they are while it is on the stack. `luaL_error` leaves by a jump: nothing here needs dropping.
    unsafe {
        if ffi::lua_type(state, 2) == ffi::LUA_TSTRING && ffi::lua_objlen(state, 2) > REPEATED_MAX {
            let mut len = 0;
            let bytes = ffi::lua_tolstring(state, 2, &mut len).cast::<u8>();
            let is_plain =
                ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0 && ffi::lua_toboolean(state, 4) != 0;
            if !is_plain && repeated(std::slice::from_raw_parts(bytes, len)) > REPEATED_MAX {
                return ffi::luaL_error(state, c"pattern too complex".as_ptr());
            }
        }
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(matcher) => matcher(state),
            None => ffi::luaL_error(state, c"no matcher".as_ptr()),
        }
    }
}

/// At most so many items of a pattern are repeated: the matcher goes a level deeper for no other, but for captures, of
/// which there are 32. A pattern ends at a NUL.
fn repeated(pattern: &[u8]) -> usize {
    let end = pattern.iter().position(|&byte| byte == 0).unwrap_or(pattern.len());
    pattern[..end].iter().filter(|byte| matches!(byte, b'?' | b'*' | b'+' | b'-')).count()
}
