// Lists the metrics with their names, kinds, labels, buckets and meanings. The documentation's table is generated from this list. Metrics with the
// label `client` appear only in scrapes that ask for metrics of single clients.

export interface MetricRow {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: `waggle_${string}` | `llamacpp:${string}`;
  readonly help: string;
  readonly labels: readonly string[];
  /** Whether each served model has separate series, with its name in the first label. */
  readonly perModel: boolean;
  /** Upper bounds of the buckets of a histogram, in the unit at the end of its name. */
  readonly buckets?: readonly number[];
  /** Makes the value at each scrape from other rows, over all models. */
  readonly from?: DerivedValue;
}

/** @param sumOf sum of a row by its key, over all models; of a histogram, its sum or count */
export type DerivedValue = (sumOf: (key: string, part?: "sum" | "count") => number) => number;

/** The label with the model's name. */
export const modelLabel = "model";

const stepSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const encodeSeconds = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
const gapSeconds = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5];
const waitSeconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300];
const submitSeconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

const rowsOf =
  <K extends "counter" | "gauge">(kind: K) =>
  <L extends string = never>(name: string, help: string, labels: readonly L[] = []): Row<K, NoInfer<L>, false> => ({
    kind,
    name: `waggle_${name}`,
    help,
    labels,
    perModel: false,
  });
const counter = rowsOf("counter");
const gauge = rowsOf("gauge");

/** Rows of metrics per model: the label `model` comes before the row's other labels. */
const ofModel = {
  counter: <L extends string = never>(...row: Parameters<typeof counter<L>>) => withModel(counter(...row)),
  gauge: <L extends string = never>(...row: Parameters<typeof gauge<L>>) => withModel(gauge(...row)),
  histogram: (name: string, help: string, buckets: readonly number[]) => withModel(histogram(name, help, buckets)),
};

export const metricTable = {
  jobsAccepted: ofModel.counter("jobs_accepted_total", "Jobs admitted to the queue."),
  jobsJoined: counter("jobs_joined_total", "Requests that joined the job of an earlier attempt."),
  jobsResumed: ofModel.counter(
    "jobs_resumed_total",
    "Continuations of jobs on another engine, after their output so far.",
  ),
  jobsParked: ofModel.counter(
    "jobs_parked_total",
    "Times that a job left its slot's cache, because the context pool was full or another client got the slot.",
  ),
  jobsEnded: ofModel.counter("jobs_ended_total", "Accepted jobs that have ended.", ["outcome", "reason"]),
  jobsRejected: counter("jobs_rejected_total", "Jobs rejected before admission, by error code.", ["code"]),
  tokensGenerated: ofModel.counter("tokens_generated_total", "Model tokens sampled."),
  generationSeconds: ofModel.counter("generation_seconds_total", "Time that ended jobs took for their answers."),
  promptSeconds: ofModel.counter("prompt_seconds_total", "Time that ended jobs took for their prompts."),
  promptTokens: ofModel.counter("prompt_tokens_total", "Prompt tokens of started jobs, cached ones included."),
  cachedPromptTokens: ofModel.counter(
    "cached_prompt_tokens_total",
    "Prompt tokens found in a KV cache, so not computed.",
  ),
  clientRequests: counter(
    "client_requests_total",
    "Requests for a job, by API token and outcome: accepted, refused, or over_quota (refused by the client's quota).",
    ["client", "outcome"],
  ),
  clientJobs: counter("client_jobs_ended_total", "Accepted jobs that have ended, by API token.", ["client", "outcome"]),
  clientTokens: counter(
    "client_tokens_total",
    "Tokens by API token and kind: prompt (computed), cached_prompt, completion.",
    ["client", "model", "kind"],
  ),
  steps: ofModel.counter("steps_total", "Forward passes."),
  guessedTokens: ofModel.counter("guessed_tokens_total", "Guessed tokens that were computed."),
  guessedSteps: ofModel.counter("guessed_steps_total", "Forward passes with guessed tokens."),
  rightGuesses: ofModel.counter("guesses_right_total", "Guessed tokens that were right, so part of an answer."),
  prefixTransfers: ofModel.counter("prefix_transfers_total", "Slot states saved, loaded, or found damaged.", [
    "operation",
  ]),
  pictureCells: ofModel.counter(
    "picture_cells_total",
    "Cells of pictures, by operation: encode (made by the encoder), compute (by passes, into a KV cache).",
    ["operation"],
  ),
  engineStarts: ofModel.counter("engine_starts_total", "Engine processes started."),
  engineDeaths: ofModel.counter("engine_deaths_total", "Engine processes that died or were killed.", ["reason"]),
  fleetMoves: counter(
    "fleet_moves_total",
    "Moves of fleet jobs between workers, by this worker's part: continued, handed_over, lost.",
    ["how"],
  ),
  heartbeats: counter("heartbeats_total", "Heartbeats to the hive, by outcome.", ["outcome"]),
  stateTransitions: counter("state_transitions_total", "State changes of each state machine.", [
    "machine",
    "from",
    "to",
  ]),
  httpRequests: counter("http_requests_total", "HTTP requests answered.", ["route", "status"]),
  unreadableCalls: ofModel.counter(
    "unreadable_tool_calls_total",
    "Parts of answers that looked like tool calls and could not be parsed; clients got them as content.",
  ),
  batchLines: counter(
    "batch_lines_total",
    "Lines of batches that got a result, by outcome: completed, failed, unanswered.",
    ["outcome"],
  ),
  modelUnloads: ofModel.counter(
    "model_unloads_total",
    "Models removed from memory, by reason: idle, memory (for another model), asked, replaced, removed.",
    ["reason"],
  ),
  readersCutOff: counter("readers_cut_off_total", "Stream readers cut off as slow consumers."),

  state: gauge("state", "The worker's state: 1 for the current state, 0 for the others.", ["state"]),
  modelState: ofModel.gauge("model_state", "Each model's state: 1 for the current state, 0 for the others.", ["state"]),
  modelMemoryBytes: ofModel.gauge("model_memory_bytes", "Memory of a loaded model, as the memory budget counts it."),
  memoryBudgetBytes: gauge("memory_budget_bytes", "Memory that all models together may use; 0 without a budget."),
  machineMemoryBytes: gauge("machine_memory_bytes", "Memory of this machine or container."),
  machineMemoryFreeBytes: gauge("machine_memory_free_bytes", "Free memory of this machine or container."),
  diskBytes: gauge("disk_bytes", "Size of the disk with this folder: models (downloads), prefix_store (if chosen).", [
    "folder",
  ]),
  diskFreeBytes: gauge("disk_free_bytes", "Free space of the disk with this folder.", ["folder"]),
  batches: gauge("batches", "Batches that are kept, by status.", ["status"]),
  batchLinesRunning: gauge("batch_lines_running", "Lines of batches that are jobs now."),
  batchBytes: gauge("batch_bytes", "Size of the files, batches and results that are kept."),
  slotsBusy: ofModel.gauge("slots_busy", "Slots with a job in them."),
  slotsTotal: ofModel.gauge("slots_total", "Slots."),
  contextCells: ofModel.gauge("context_cells", "Tokens that all slots may hold together: the context pool."),
  contextCellsUsed: ofModel.gauge("context_cells_used", "Tokens that all slots hold, idle slots included."),
  kvUse: ofModel.gauge(
    "kv_use",
    "Share of the KV cache's cells that running jobs fill, 0 to 1; cells kept for later jobs count as free.",
  ),
  queueDepth: ofModel.gauge("queue_depth", "Jobs waiting for a slot."),
  queueOldestSeconds: ofModel.gauge(
    "queue_oldest_seconds",
    "Time that the oldest waiting job has waited for a slot; 0 without waiting jobs.",
  ),
  queueCapacity: ofModel.gauge("queue_capacity", "Largest number of jobs that may wait."),
  fleetConnected: gauge(
    "fleet_connected",
    "1 while the fleet's NATS server can be reached, otherwise 0. No series without a fleet.",
  ),
  fleetJobs: gauge(
    "fleet_jobs",
    "Jobs of the fleet that run on this worker; at a gateway, the gateway's jobs in the fleet.",
  ),
  fleetStoreUsed: gauge(
    "fleet_store_used",
    "At a gateway: how full the fleet's stores on NATS are, from 0 to 1, by store: jobs, pictures.",
    ["store"],
  ),
  streamsOpen: gauge("streams_open", "Readers connected to a stream."),
  jobsRegistered: gauge("jobs_registered", "Jobs in memory: waiting, running, and ended ones kept for replay."),
  replayBytes: gauge("replay_bytes", "Bytes held for replay, over all jobs."),
  prefixStates: ofModel.gauge("prefix_states", "Slot states in the prefix store."),
  prefixBytes: ofModel.gauge("prefix_bytes", "Bytes of the slot states in the prefix store."),
  threads: ofModel.gauge("threads", "Threads that compute a forward pass."),
  eventLoopUtilization: gauge("event_loop_utilization", "Busy share of the main thread since the last scrape, 0 to 1."),
  engineEventLoopUtilization: ofModel.gauge(
    "engine_event_loop_utilization",
    "Busy share of the engine's main thread over the last second, 0 to 1; passes run on another thread.",
  ),
  engineRssBytes: ofModel.gauge(
    "engine_rss_bytes",
    "Resident memory of the engine's process, model and KV cache included.",
  ),

  llamaPromptTokens: llama("counter", "prompt_tokens_total", "Prompt tokens computed", computedTokens),
  llamaCachedTokens: llama(
    "counter",
    "prompt_tokens_cached_total",
    "Prompt tokens found in a KV cache",
    "cachedPromptTokens",
  ),
  llamaPromptSeconds: llama("counter", "prompt_seconds_total", "Time for prompts", "promptSeconds"),
  llamaPromptRate: llama("gauge", "prompt_tokens_seconds", "Prompt tokens computed per second of a prompt", (sumOf) =>
    ratio(computedTokens(sumOf), sumOf("promptSeconds")),
  ),
  llamaTokens: llama("counter", "tokens_predicted_total", "Tokens sampled", "tokensGenerated"),
  llamaSeconds: llama("counter", "tokens_predicted_seconds_total", "Time for answers", "generationSeconds"),
  llamaRate: llama("gauge", "predicted_tokens_seconds", "Tokens sampled per second of an answer", (sumOf) =>
    ratio(sumOf("tokensGenerated"), sumOf("generationSeconds")),
  ),
  llamaRunning: llama("gauge", "requests_processing", "Running jobs", "slotsBusy"),
  llamaWaiting: llama("gauge", "requests_deferred", "Jobs waiting for a slot", "queueDepth"),
  llamaSteps: llama("counter", "n_decode_total", "Forward passes", "steps"),
  llamaWidth: llama("gauge", "n_busy_slots_per_decode", "Mean batch width", (sumOf) =>
    ratio(sumOf("batchWidth", "sum"), sumOf("batchWidth", "count")),
  ),
  llamaMostTokens: llama("counter", "n_tokens_max", "Most tokens of an ended job, prompt and answer"),
  llamaDraftTokens: llama("counter", "spec_decode_num_draft_tokens_total", "Guessed tokens", "guessedTokens"),
  llamaAcceptedTokens: llama("counter", "spec_decode_num_accepted_tokens_total", "Right guesses", "rightGuesses"),
  llamaDrafts: llama("counter", "spec_decode_num_drafts_total", "Passes with guesses", "guessedSteps"),

  batchWidth: ofModel.histogram(
    "batch_width",
    "Rows per forward pass; sum / count is the mean batch width.",
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64],
  ),
  stepSeconds: ofModel.histogram("step_seconds", "Duration of a forward pass and its sampling.", stepSeconds),
  stepGapSeconds: ofModel.histogram(
    "step_gap_seconds",
    "Time from the end of a pass to the start of the next pass, while work waits.",
    gapSeconds,
  ),
  prefixTransferSeconds: ofModel.histogram(
    "prefix_transfer_seconds",
    "Time for saving or loading a slot state, between two passes.",
    stepSeconds,
  ),
  pictureEncodeSeconds: ofModel.histogram(
    "picture_encode_seconds",
    "Time for encoding a picture, or a piece of one, while passes continue.",
    encodeSeconds,
  ),
  picturePassSeconds: ofModel.histogram(
    "picture_pass_seconds",
    "Duration of a pass that computes cells of a picture.",
    stepSeconds,
  ),
  queueSeconds: ofModel.histogram("queue_seconds", "Time from a job's acceptance to its slot.", waitSeconds),
  ttftSeconds: ofModel.histogram("ttft_seconds", "Time to first token, from a job's acceptance.", waitSeconds),
  itlSeconds: ofModel.histogram(
    "itl_seconds",
    "Inter-token latency: time from one token of a job to the next.",
    stepSeconds,
  ),
  httpSubmitSeconds: histogram("http_submit_seconds", "Time from request to response of POST /v1/jobs.", submitSeconds),
  cancelSteps: ofModel.histogram("cancel_steps", "Forward passes from a cancel until the slot is free.", [0, 1, 2, 5]),
} as const satisfies Record<string, MetricRow>;

export type MetricTable = typeof metricTable;

/** The rows with separate series for each model. */
export type ModelMetricTable = {
  [K in keyof MetricTable as MetricTable[K]["perModel"] extends true ? K : never]: MetricTable[K];
};

interface Row<K extends MetricRow["kind"], L extends string, M extends boolean> extends MetricRow {
  readonly kind: K;
  readonly labels: readonly L[];
  readonly perModel: M;
}

/** A metric under llama-server's name, over all models, for its dashboards. @param from another row's key, or a function of several rows */
function llama<K extends "counter" | "gauge">(
  kind: K,
  name: string,
  help: string,
  from?: string | DerivedValue,
): Row<K, never, false> {
  const derive: DerivedValue | undefined = typeof from === "string" ? (sumOf) => sumOf(from) : from;
  const derived = derive === undefined ? {} : { from: derive };
  const words = `${help}, under llama-server's name.`;
  return { kind, name: `llamacpp:${name}`, help: words, labels: [], perModel: false, ...derived };
}

function computedTokens(sumOf: Parameters<DerivedValue>[0]): number {
  return sumOf("promptTokens") - sumOf("cachedPromptTokens");
}

function ratio(amount: number, by: number): number {
  return by === 0 ? 0 : amount / by;
}

function histogram(name: string, help: string, buckets: readonly number[]): Row<"histogram", never, false> {
  return { kind: "histogram", name: `waggle_${name}`, help, labels: [], perModel: false, buckets };
}

function withModel<K extends MetricRow["kind"], L extends string>(
  row: Row<K, L, false>,
): Row<K, NoInfer<L> | typeof modelLabel, true> {
  return { ...row, labels: [modelLabel, ...row.labels], perModel: true };
}
