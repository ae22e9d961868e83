//! The rules of the dependencies, as an allow-list.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// Each crate with those of the project's crates that its production code uses. A crate that is not here fails, and
/// so does a row that allows what is not used.
const ALLOWED: &[(&str, &[&str])] = &[
    ("capykeys-domain", &[]),
    ("capykeys-conformance", &["capykeys-domain", "capykeys-testkit"]),
    ("capykeys-migrations", &[]),
    ("capykeys-storage", &["capykeys-domain"]),
    ("capykeys-postgres", &["capykeys-domain", "capykeys-migrations", "capykeys-storage"]),
    ("capykeys-sqlite", &["capykeys-domain", "capykeys-migrations", "capykeys-storage"]),
    ("capykeys-redb", &["capykeys-domain", "capykeys-storage"]),
    ("capykeys-cache", &["capykeys-domain"]),
    ("capykeys-jwks", &["capykeys-domain"]),
    ("capykeys-clerk", &["capykeys-domain", "capykeys-jwks"]),
    ("capykeys-cluster", &["capykeys-domain", "capykeys-jwks"]),
    ("capykeys-oidc", &["capykeys-domain", "capykeys-jwks"]),
    ("capykeys-usage", &["capykeys-domain"]),
    ("capykeys-listener", &["capykeys-domain"]),
    ("capykeys-pages", &[]),
    ("capykeys-gateway", &["capykeys-domain"]),
    ("capykeys-http", &["capykeys-domain", "capykeys-gateway", "capykeys-listener", "capykeys-pages"]),
    ("capykeys-ext-authz", &["capykeys-domain", "capykeys-gateway", "capykeys-listener"]),
    ("capykeys-telemetry", &[]),
    (
        "capykeys-service",
        &[
            "capykeys-cache",
            "capykeys-clerk",
            "capykeys-cluster",
            "capykeys-domain",
            "capykeys-ext-authz",
            "capykeys-gateway",
            "capykeys-http",
            "capykeys-oidc",
            "capykeys-pages",
            "capykeys-postgres",
            "capykeys-sqlite",
            "capykeys-storage",
            "capykeys-telemetry",
            "capykeys-usage",
        ],
    ),
    ("capykeys-testkit", &[]),
    ("capykeys-tests", &["capykeys-migrations", "capykeys-testkit"]),
];

/// Crates that do input and output or tie the domain to a format: none may come into it, not even
/// through another.
const NOT_IN_THE_DOMAIN: [&str; 10] = [
    "actix-web",
    "getrandom",
    "hyper",
    "mio",
    "reqwest",
    "rusqlite",
    "serde",
    "serde_json",
    "tokio",
    "tokio-postgres",
];

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(MANIFEST).exec().expect("cargo metadata")
}

fn production_dependencies(package: &Package) -> BTreeSet<&str> {
    let kinds = [DependencyKind::Normal, DependencyKind::Build];
    let used = package.dependencies.iter().filter(|dependency| kinds.contains(&dependency.kind));
    used.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn crates_depend_on_the_crates_that_they_may_and_on_no_others() {
    let (metadata, allowed) = (metadata(), ALLOWED.iter().copied().collect::<BTreeMap<_, _>>());
    let mut faults = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(may) = allowed.get(package.name.as_str()) else {
            faults.push(format!("{} has no row in the list", package.name));
            continue;
        };
        let used = production_dependencies(package);
        let own = used.iter().filter(|name| allowed.contains_key(**name) && !may.contains(name));
        faults.extend(own.map(|name| format!("{} uses {name}", package.name)));
        let unused = may.iter().filter(|name| !used.contains(**name));
        faults.extend(unused.map(|name| format!("{} does not use {name}", package.name)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_row_of_the_list_is_a_crate() {
    let metadata = metadata();
    let names: BTreeSet<_> = metadata.workspace_packages().into_iter().map(|one| one.name.as_str()).collect();
    for (name, may) in ALLOWED {
        assert!(names.contains(name), "{name}");
        let missing: Vec<_> = may.iter().filter(|name| !names.contains(*name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn the_crates_of_the_project_carry_its_name() {
    for package in metadata().workspace_packages() {
        let directory = package.manifest_path.parent().and_then(|path| path.file_name()).unwrap();
        assert_eq!(package.name.as_str(), format!("capykeys-{directory}"));
    }
}

/// What comes into a package. Asked of `cargo tree`, which takes the features that the package alone asks for;
/// the metadata hold those of the whole workspace together.
fn reached_from(package: &str) -> BTreeSet<String> {
    let edges = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", package, "--manifest-path", MANIFEST])
        .args(edges)
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("text");
    tree.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

#[test]
fn nothing_that_does_input_or_output_comes_into_the_domain() {
    let reached = reached_from("capykeys-domain");
    assert!(reached.contains("blake3"), "not the tree of the domain: {reached:?}");
    let found: Vec<_> = NOT_IN_THE_DOMAIN.iter().filter(|name| reached.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// With two, rustls panics where a client asks for none by name, or part of the program uses the other one.
#[test]
fn the_program_has_one_provider_of_cryptography_for_tls() {
    let reached = reached_from("capykeys-service");
    assert!(reached.contains("rustls") && reached.contains("aws-lc-rs"), "{reached:?}");
    for other in ["ring", "openssl-sys", "native-tls", "boring", "rustls-rustcrypto"] {
        assert!(!reached.contains(other), "{other} has come in");
    }
}

/// The adapters know the interface alone, which does nothing by itself.
#[test]
fn only_one_crate_knows_what_records_and_sends_telemetry() {
    for package in metadata().workspace_packages() {
        let production = production_dependencies(package);
        for library in [
            "opentelemetry_sdk",
            "opentelemetry-otlp",
            "opentelemetry-prometheus",
            "opentelemetry-appender-tracing",
            "tracing-opentelemetry",
        ] {
            let knows = production.contains(library);
            assert_eq!(
                knows,
                package.name.as_str() == "capykeys-telemetry",
                "{} and {library}",
                package.name
            );
        }
    }
}

#[test]
fn only_its_adapter_knows_a_store() {
    let metadata = metadata();
    for (library, adapter) in [
        ("rusqlite", "capykeys-sqlite"),
        ("tokio-postgres", "capykeys-postgres"),
        ("deadpool", "capykeys-postgres"),
        ("redb", "capykeys-redb"),
        ("jsonwebtoken", "capykeys-jwks"),
        ("actix-web", "capykeys-http"),
    ] {
        let tests = ["capykeys-testkit", "capykeys-tests"];
        for package in metadata.workspace_packages() {
            let name = package.name.as_str();
            if name != adapter && !tests.contains(&name) {
                assert!(!production_dependencies(package).contains(library), "{name} uses {library}");
            }
        }
    }
}
