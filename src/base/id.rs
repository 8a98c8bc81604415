//! Row ids as types, so that a build's id is never handed over as a builder's. All ids are given
//! by the database and never reused.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A master process's identity (`masters`).
    MasterId;
    /// A configured or former builder (`builders`).
    BuilderId;
    /// A configured or former worker (`workers`).
    WorkerId;
    /// A scheduler by name (`schedulers`).
    SchedulerId;
    /// What a scripted scheduler has not been told yet (`scheduler_events`).
    SchedulerEventId;
    /// A change source by name (`change_sources`).
    SourceId;
    /// A loaded configuration (`generations`).
    GenerationId;
    /// A stored webhook delivery (`deliveries`).
    DeliveryId;
    /// A change (`changes`).
    ChangeId;
    /// A sourcestamp (`sourcestamps`).
    SourcestampId;
    /// A patch that a source is built with (`patches`).
    PatchId;
    /// A buildset (`buildsets`).
    BuildsetId;
    /// A build request (`buildrequests`).
    RequestId;
    /// A build, which is one attempt at a request (`builds`).
    BuildId;
    /// A step of a build (`steps`).
    StepId;
    /// A log of a step (`logs`).
    LogId;
    /// A message that waits to leave (`outbox`).
    OutboxId;
}
