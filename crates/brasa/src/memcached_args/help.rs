//! What `-h`, `-i` and `-V` print.
//!
//! Test suites search the help for words to learn what a server can do (`unix-socket`, `ext_path`, `proxy_config`,
//! `enable-ssl`), so options that are refused do not stand in it.

use super::MemcachedOptions;

/// First line of `-h` and `-i`, all of `-V`: clients read the number to know the protocol.
pub const VERSION: &str = concat!("memcached 1.6.18 (Brasa ", env!("CARGO_PKG_VERSION"), ")");

/// The help; defaults are those that options before `-h` have set, as memcached does it.
pub fn usage(options: &MemcachedOptions) -> String {
    let MemcachedOptions { unix_mask, connections_max, threads, backlog, .. } = options;
    let memory_mib = options.memory_bytes >> 20;
    let port = options.port;
    format!(
        "{VERSION}
-p, --port=<num>          TCP port (default: {port}; 0: none)
-l, --listen=<addr>       addresses to listen on, parted by commas, each with :port if it is another
                          (default: all)
-s, --unix-socket=<file>  listen on a unix socket in the place of TCP
-a, --unix-mask=<mask>    its permissions, octal (default: {unix_mask:o})
-U, --udp-port=<num>      0 only: there is no UDP
-d, --daemon              go to the background
-P, --pidfile=<file>      write the process id there
-u, --user=<user>         the user that it runs as, which has to be the present one
-m, --memory-limit=<num>  megabytes for items (default: {memory_mib})
-M, --disable-evictions   answer with an error when memory is short, evict nothing
-I, --max-item-size=<num> largest item, with k or m for units (default: 1m, min: 1k, max: 1024m)
-c, --conn-limit=<num>    connections at a time (default: {connections_max})
-t, --threads=<num>       threads that serve (default: {threads})
-b, --listen-backlog=<num> backlog of listening sockets (default: {backlog})
-B, --protocol=<name>     auto or ascii: the text protocol
-Y, --auth-file=<file>    text clients must authenticate; lines of user:password
-A, --enable-shutdown     allow the command \"shutdown\"
-F, --disable-flush-all   refuse the command \"flush_all\"
-v, -vv, -vvv, --verbose  say more on standard error
-V, --version             print the version
-i, --license             print the license
-h, --help                print this
-o, --extended            list parted by commas:
   - idle_timeout:        seconds after which idle connections are closed (default: 0, never)

Accepted without an effect, with a warning: -C -D -X -W -f -n -L -k -r -R -N, and of -o track_sizes, hashpower, hash_algorithm,
slab_*, lru_*, hot_*, warm_*, temporary_ttl, tail_repair_time, buffer sizes.
"
    )
}

/// The license, by reference.
pub fn license() -> String {
    format!("{VERSION}\n\nLicense of this program: {}\n", env!("CARGO_PKG_LICENSE"))
}
