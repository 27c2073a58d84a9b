// Owns how a native request becomes a JobSpec.
import type { GenerateSpec, JobScope } from "@waggle/jobs";
import { samplingOf, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";

/** @param request without `json_schema`, which has become its grammar */
export function generateSpecOf(
  request: GenerateRequest,
  { direct, ...scope }: Omit<JobScope, "sessionId"> & Pick<GenerateSpec, "direct">,
): GenerateSpec {
  const { messages } = request;
  return {
    kind: "generate",
    id: request.job_id,
    scope: { ...scope, sessionId: request.session_id },
    priority: request.priority,
    deadlineMs: request.deadline_ms,
    onDisconnect: request.on_disconnect,
    direct,
    prompt: messages === undefined ? { kind: "text", text: request.prompt ?? "" } : { kind: "messages", messages },
    choices: 1,
    sampling: samplingOf(request),
    maxTokens: request.max_tokens,
    contextShift: request.context_shift,
    stop: stopStringsOf(request),
  };
}
