//! Any bytes as a configuration file: refused with a message or taken, and what was taken reads back the same.

use parameters::Parameters;

/// Reads `data` as configuration text.
///
/// # Panics
/// When reading does, or when values that were accepted are refused in the form in which they are shown.
pub fn config_file(data: &[u8]) {
    // Files that the text names are none of this target's affair.
    if data.windows(7).any(|word| word.eq_ignore_ascii_case(b"include")) {
        return;
    }
    let mut input = data;
    let loaded = parameters::load(&["-"], &mut input);
    let mut read = Parameters::new();
    let outcome = read.read_text(data);
    match loaded {
        // The whole may be refused where each line is not.
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(loaded) => {
            assert!(outcome.is_ok(), "what a start accepts can be read");
            assert_eq!(loaded.config_get(&[b"*"]), read.config_get(&[b"*"]));
            for (name, value) in read.config_get(&[b"*"]) {
                assert!(!name.is_empty() && !value.contains(&0), "{} cannot be shown", name.escape_ascii());
            }
        }
    }
}
