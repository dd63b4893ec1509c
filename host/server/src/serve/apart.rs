//! Threads of its own for a listener whose answers have to come in time: what waits for the store on the threads of the others
//! must not keep a clock from being looked at.

use std::future::Future;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::task::JoinHandle;

/// One for so many cores: what they do takes microseconds, and one that has to wake another takes longer.
const CORES_EACH: usize = 4;
/// At most.
const MOST: usize = 8;

/// The threads. Whoever drops it waits for nobody.
pub(super) struct Apart(Option<Runtime>);

impl Apart {
    pub(super) fn new() -> std::io::Result<Self> {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let threads = cores.div_ceil(CORES_EACH).min(MOST);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("grpc")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// What is spawned while it is held is spawned there.
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }

    /// Runs a task there; none once the threads are ending.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.0.as_ref().map(|runtime| runtime.spawn(task))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
