//! Old rows and media, as an operator gets rid of them.

use crate::chimera::Chimera;

pub(crate) fn a_look_deletes_nothing_and_a_prune_leaves_the_posts(chimera: &Chimera) {
    let nowhere = chimera.run(&["db", "prune", "--older-than", "90d"]);
    assert!(!nowhere.ok, "{}", nowhere.stdout);
    assert!(chimera.run(&["demo", "--once", "--seed", "7"]).ok);
    let status = chimera.json(&["status", "--json"]);

    let unsaid = chimera.run(&["db", "prune"]);
    assert!(!unsaid.ok && unsaid.stderr.contains("--older-than") && unsaid.stderr.contains("retention"));
    for bad in ["3d", "90", "soon"] {
        let refused = chimera.run(&["db", "prune", "--older-than", bad]);
        assert!(!refused.ok && refused.stderr.contains(bad), "{}", refused.stderr);
    }
    // A medium that nobody refers to, older than anything here can be; and one that is young.
    let stray = chimera.data().join("media").join(format!("{}.png", "0".repeat(64)));
    let young = chimera.data().join("media").join(format!("{}.png", "1".repeat(64)));
    for path in [&stray, &young] {
        std::fs::write(path, b"stray").unwrap();
    }
    let file = std::fs::File::options().write(true).open(&stray).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();

    let look = chimera.json(&["db", "prune", "--older-than", "12w", "--dry-run", "--json"]);
    assert_eq!((&look["dry_run"], &look["pruned"]["media"]["count"]), (&true.into(), &1.into()), "{look:#}");
    assert_eq!(look["pruned"]["signals"]["count"], 0, "{look:#}");
    assert!(stray.exists());
    let only = chimera.json(&["db", "prune", "--older-than", "12w", "--only", "signals", "--json"]);
    assert!(only["pruned"].get("media").is_none() && stray.exists(), "{only:#}");
    let pruned = chimera.run(&["db", "prune", "--older-than", "12w", "--by", "mara"]);
    assert!(pruned.ok && pruned.stdout.contains("deleted"), "{}{}", pruned.stdout, pruned.stderr);
    assert!(!stray.exists() && young.exists());

    chimera.file("configs/chimera.yaml", "retention: {signals_days: 30}\n");
    let configured = chimera.json(&["db", "prune", "--json"]);
    assert_eq!(configured["pruned"].as_object().unwrap().len(), 1, "{configured:#}");
    chimera.file("configs/chimera.yaml", "retention: {signals_days: 1}\n");
    let refused = chimera.run(&["db", "prune"]);
    assert!(!refused.ok && refused.stderr.contains("retention"), "{}", refused.stderr);
    chimera.file("configs/chimera.yaml", "{}\n");

    assert_eq!(chimera.json(&["status", "--json"]), status);
    let verified = chimera.run(&["db", "verify"]);
    assert!(verified.ok, "{}", verified.stdout);
    assert!(chimera.run(&["db", "backup", "-o", "after.tar.gz"]).ok);
}
