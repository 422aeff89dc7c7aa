//! Every default against a list taken from valkey-server 9.1.2: `name value` per line, hidden ones included,
//! `dir` left out because it depends on where the process starts.

use parameters::{Parameters, table};

const GOLDEN: &str = include_str!("golden/defaults.txt");

/// Ours only.
const OWN: [&str; 6] =
    ["effect-log", "effect-log-dir", "io-poller", "key-sharding", "shards", "transit-encryption-mode"];

#[test]
fn defaults_are_those_of_the_original() {
    let parameters = Parameters::new();
    for line in GOLDEN.lines() {
        let (name, expected) = line.split_once(' ').expect("a name and a value");
        let found = parameters.config_get(&[name.as_bytes()]);
        let [(spelled, value)] = found.as_slice() else { panic!("{name} is missing") };
        assert_eq!(spelled, name.as_bytes());
        if name == "io-threads" {
            let cores = std::thread::available_parallelism().expect("cores").get().min(256);
            assert_eq!(*value, cores.to_string().into_bytes());
        } else {
            assert_eq!(String::from_utf8_lossy(value), expected, "{name}");
        }
    }
}

#[test]
fn there_are_no_other_names_than_the_originals_and_ours() {
    let golden: Vec<&str> = GOLDEN.lines().filter_map(|line| line.split(' ').next()).collect();
    let names: Vec<&str> = table::all().flat_map(|id| id.row().names()).collect();
    for name in &names {
        let known = golden.contains(name) || OWN.contains(name) || *name == "dir";
        assert!(known, "{name} is neither in the golden list nor ours");
    }
    assert_eq!(names.len(), golden.len() + OWN.len() + 1);
    assert!(OWN.iter().all(|name| names.contains(name)));
}

#[test]
fn names_are_unique_and_lower_case() {
    let mut names: Vec<&str> = table::all().flat_map(|id| id.row().names()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
}

#[test]
fn parameters_with_an_effect_exist() {
    for name in parameters::effect::ACTED_ON {
        let found = table::find(name.as_bytes()).unwrap_or_else(|| panic!("{name} is in no row"));
        assert_eq!(found.0.row().name, *name, "the canonical name belongs in the list");
    }
}

#[test]
fn defaults_survive_being_set() {
    let mut parameters = Parameters::new();
    let before = parameters.clone();
    for id in table::all().filter(|id| id.row().name != "replicaof" && id.row().name != "rdma-bind") {
        let text = parameters.text(id);
        let applied = parameters.set(id.row().name.as_bytes(), &text, parameters::Origin::Node);
        assert_eq!(applied.expect("a default is valid").changed, [], "{}", id.row().name);
    }
    assert_eq!(parameters, before);
}
