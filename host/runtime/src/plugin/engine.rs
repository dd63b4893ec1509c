//! How the engine is set, what an instance may have, and how many run at once. docs/engine.md says what each choice buys.

use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::{
    Config, InstanceAllocationStrategy, PoolingAllocationConfig, ResourceLimiter, StoreLimits,
    StoreLimitsBuilder,
};

use super::{Options, PluginError, bounds};

/// One call's place among those that may run at once.
pub(super) struct Permit<'a>(&'a AtomicUsize);

impl<'a> Permit<'a> {
    pub(super) fn take(busy: &'a AtomicUsize, instances: usize) -> Result<Self, PluginError> {
        if busy.fetch_add(1, Ordering::AcqRel) >= instances {
            busy.fetch_sub(1, Ordering::AcqRel);
            return Err(PluginError::Overloaded);
        }
        Ok(Self(busy))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What an instance may have.
pub(super) struct Limits(StoreLimits);

impl Limits {
    pub(super) fn new(memory: usize) -> Self {
        Self(
            StoreLimitsBuilder::new()
                .memory_size(memory)
                .table_elements(bounds::MAX_TABLE)
                .memories(1)
                .instances(8)
                .tables(4)
                .trap_on_grow_failure(true)
                .build(),
        )
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.0.memory_growing(current, desired, maximum)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.0.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.0.instances()
    }

    fn tables(&self) -> usize {
        self.0.tables()
    }

    fn memories(&self) -> usize {
        self.0.memories()
    }
}

/// The engine as it was measured: see docs/engine.md for what each choice buys.
pub(super) fn config(options: &Options) -> Config {
    let instances = options.instances.clamp(1, 1_000);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(4 * instances)
        .total_memories(instances)
        .total_tables(2 * instances)
        .max_memory_size(options.memory)
        .table_elements(bounds::MAX_TABLE)
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .linear_memory_keep_resident(options.memory)
        .table_keep_resident(16 << 10);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .wasm_relaxed_simd(false)
        // A trap is told by its kind alone. Where in a component without names it happened says nothing, and the tables that
        // would say so are a tenth of what is compiled.
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .cranelift_nan_canonicalization(true);
    config
}
