// Builds the object of a batch in OpenAI's shape (API reference, Batch), with four fields of ours at its end.
import type { BatchStatus, BatchView } from "@waggle/jobs";
import type { Batch } from "@waggle/protocol";

const hourMs = 3_600_000;

export function batchOf({ record, counts, usage, estimate, reason }: BatchView): Batch {
  const { problems, results } = record;
  const at = (status: BatchStatus): number | null => secondsOf(record.at[status]);
  return {
    id: record.id,
    object: "batch",
    endpoint: record.endpoint,
    model: record.model ?? null,
    errors: problems.length === 0 ? null : { object: "list", data: [...problems] },
    input_file_id: record.inputFile ?? null,
    completion_window: `${Math.round((record.expiresAt - record.createdAt) / hourMs)}h`,
    status: record.status,
    output_file_id: results?.outputFile ?? null,
    error_file_id: results?.errorFile ?? null,
    created_at: Math.floor(record.createdAt / 1_000),
    in_progress_at: at("in_progress"),
    expires_at: Math.floor(record.expiresAt / 1_000),
    finalizing_at: at("finalizing"),
    completed_at: at("completed"),
    failed_at: at("failed"),
    expired_at: at("expired"),
    cancelling_at: at("cancelling"),
    cancelled_at: at("cancelled"),
    request_counts: { total: record.total, completed: counts.completed, failed: counts.failed },
    usage: {
      input_tokens: usage.inputTokens,
      input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: 0 },
      output_tokens: usage.outputTokens,
      output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
      total_tokens: usage.inputTokens + usage.outputTokens,
    },
    metadata: record.metadata,
    paused: record.isPaused === true,
    lines_per_second: estimate?.linesPerSecond ?? null,
    estimated_completed_at: secondsOf(estimate?.endsAt),
    reason: reason ?? null,
  };
}

function secondsOf(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.floor(ms / 1_000);
}
