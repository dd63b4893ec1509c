//! Threads of its own for a listener whose answers have to come in time: what waits for the store on the threads of the others
//! must not keep a clock from being looked at.

use std::future::Future;

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::task::JoinHandle;

/// Enough for one that only hands questions on.
const THREADS: usize = 2;

/// The threads. Whoever drops it waits for nobody.
pub(super) struct Apart(Option<Runtime>);

impl Apart {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
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
