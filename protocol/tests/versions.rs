//! The APIs and versions this crate knows are those of Kafka 4.4, and the files are what the definitions say.

use std::path::Path;
use std::process::Command;

use headrace_protocol::ApiKey;

/// Key, lowest and highest version of every API that Kafka 4.4.0 has a definition of.
const KAFKA_4_4: &[(i16, i16, i16)] = &[
    // Clients.
    (0, 3, 13),
    (1, 4, 18),
    (2, 1, 11),
    (3, 0, 13),
    (8, 2, 10),
    (9, 1, 10),
    (10, 0, 6),
    (11, 0, 9),
    (12, 0, 4),
    (13, 0, 5),
    (14, 0, 5),
    (17, 0, 1),
    (18, 0, 5),
    (22, 0, 5),
    (23, 2, 4),
    (24, 0, 5),
    (25, 0, 4),
    (26, 0, 5),
    (28, 0, 6),
    (36, 0, 2),
    (68, 0, 1),
    (71, 0, 0),
    (72, 0, 0),
    (76, 1, 1),
    (78, 1, 2),
    (79, 1, 2),
    (88, 0, 1),
    (93, 0, 0),
    // Administration.
    (15, 0, 6),
    (16, 0, 5),
    (19, 2, 7),
    (20, 1, 6),
    (21, 0, 2),
    (29, 1, 3),
    (30, 1, 3),
    (31, 1, 3),
    (32, 1, 4),
    (33, 0, 2),
    (34, 1, 2),
    (35, 1, 5),
    (37, 0, 3),
    (38, 1, 3),
    (39, 1, 2),
    (40, 1, 2),
    (41, 1, 3),
    (42, 0, 3),
    (43, 0, 2),
    (44, 0, 1),
    (45, 0, 1),
    (46, 0, 0),
    (47, 0, 0),
    (48, 0, 1),
    (49, 0, 1),
    (50, 0, 0),
    (51, 0, 0),
    (55, 0, 2),
    (57, 0, 2),
    (60, 0, 2),
    (61, 0, 0),
    (64, 0, 0),
    (65, 0, 0),
    (66, 0, 2),
    (69, 0, 1),
    (74, 0, 1),
    (75, 0, 0),
    (77, 1, 1),
    (80, 0, 1),
    (81, 0, 0),
    (89, 0, 1),
    (90, 0, 1),
    (91, 0, 0),
    (92, 0, 0),
    (94, 0, 0),
    // Between brokers.
    (27, 1, 2),
    (52, 0, 2),
    (53, 0, 1),
    (54, 0, 1),
    (56, 2, 3),
    (58, 0, 0),
    (59, 0, 1),
    (62, 0, 4),
    (63, 0, 2),
    (67, 0, 0),
    (70, 0, 0),
    (73, 0, 0),
    (82, 0, 0),
    (83, 0, 0),
    (84, 0, 0),
    (85, 0, 1),
    (86, 0, 0),
    (87, 0, 1),
];

#[test]
fn every_api_of_kafka_is_declared_with_its_versions() {
    let mut expected = KAFKA_4_4.to_vec();
    expected.sort_unstable();
    let ours: Vec<_> = ApiKey::ALL
        .iter()
        .map(|key| (*key as i16, *key.valid_versions().start(), *key.valid_versions().end()))
        .collect();
    assert_eq!(ours, expected);
}

#[test]
fn produce_is_advertised_from_version_0_and_all_else_as_it_is() {
    for key in ApiKey::ALL {
        let lowest = if *key == ApiKey::Produce { 0 } else { *key.valid_versions().start() };
        assert_eq!(key.advertised_versions(), lowest..=*key.valid_versions().end(), "{key}");
    }
}

#[test]
fn header_versions_follow_the_first_flexible_version() {
    assert_eq!(ApiKey::Produce.request_header_version(8), 1);
    assert_eq!(ApiKey::Produce.request_header_version(9), 2);
    assert_eq!(ApiKey::Produce.response_header_version(9), 1);
    assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    assert_eq!(ApiKey::ApiVersions.request_header_version(99), 2);
    assert_eq!(ApiKey::ApiVersions.response_header_version(5), 0);
}

/// The generator is run again and must write what is committed. Without Python, Maven or a network it cannot be, which
/// is said and not held against the tree.
#[test]
#[expect(clippy::print_stderr, reason = "a check that could not be made must be visible")]
fn committed_messages_are_what_the_definitions_say() {
    /// The generator's exit code when it cannot get the definitions.
    const CANNOT_CHECK: i32 = 75;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/generate.py");
    let output = match Command::new("python3").arg(&script).arg("--check").output() {
        Ok(output) => output,
        Err(error) => return eprintln!("not checked: python3 does not run ({error})"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(CANNOT_CHECK) {
        return eprintln!("not checked: {said}");
    }
    assert!(output.status.success(), "run protocol/tools/generate.py and commit the result:\n{said}");
}
