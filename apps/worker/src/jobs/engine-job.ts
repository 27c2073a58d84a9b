// Owns how a request becomes what the engine is told.
import type { EngineJob } from "@waggle/engine";
import { samplingOf, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";

export function engineJobOf(uid: string, request: GenerateRequest, client: string): EngineJob {
  return {
    jobId: uid,
    ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
    ...(request.messages === undefined ? {} : { messages: request.messages }),
    ...(request.max_tokens === undefined ? {} : { maxTokens: request.max_tokens }),
    stop: stopStringsOf(request),
    sampling: samplingOf(request),
    // Timing would tell one client what another has asked, so prefixes are shared within one token's scope only.
    cacheScope: client,
    ...(request.session_id === undefined ? {} : { sessionId: request.session_id }),
  };
}
