#[test]
fn dump() {
    let mut s = String::new();
    for (n, t) in [
        ("gnu", super::gnu_flags::TABLE),
        ("msvc", super::msvc_flags::TABLE),
        ("rustc", super::rustc_flags::TABLE),
    ] {
        for r in t {
            let e = r.effect;
            s += &format!(
                "{n}|{}|{}|{:?}|{:?}|{:?}|{:?}|{}|{:?}|{}|{}|{}|{}|{}|{}|{}\n",
                r.flag,
                r.aliases.join(","),
                r.takes,
                r.bucket,
                e.writes,
                e.embeds_path,
                e.compresses,
                e.order_group,
                e.skip_when_reporting,
                e.unprovable_macros,
                e.debug_info,
                e.native_cpu,
                e.loads_code,
                e.needs_observer,
                e.value_rule.is_some()
            );
        }
    }
    std::fs::write("/tmp/flagsgen/dump.txt", s).unwrap();
}
