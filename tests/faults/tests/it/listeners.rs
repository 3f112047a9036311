//! Every verifier comes at once: refreshes go on, and all are served in the end.

use countersign_faults::reconnects::reconnects;

/// As many as any machine has files for; `scripts/soak --listeners 10000` is the long form.
const MANY: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_are_answered_while_all_come_back_at_once() -> anyhow::Result<()> {
    for part in reconnects(MANY, 21).await? {
        println!("{part}");
    }
    Ok(())
}
