//! A standby takes over that lost the last commits.

use countersign_faults::crowd::Habits;
use countersign_faults::failover::fail_overs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_signed_out_and_no_end_is_undone() -> anyhow::Result<()> {
    let habits = Habits { clients: 16, leaves: 0.2, ..Habits::default() };
    if let Some(done) = fail_overs(1, habits, 1).await? {
        println!("{:?}, {} adopted", done.findings, done.adopted);
    }
    Ok(())
}
