// Makes the engine's form of a job's work, with the scopes in which jobs share prefixes and guesses.
import type { EngineJob, PriorWork } from "@waggle/engine";
import { localClient } from "../job/job-spec.ts";
import type { PreflightWork } from "./executor-port.ts";

/** @param jobId the id under which the engine prepares the work */
export function engineJobOf(
  jobId: string,
  { who, when, work, prior }: PreflightWork,
  before: PriorWork | undefined = prior,
): EngineJob {
  const { client, cacheSession, sessionId = cacheSession } = who;
  // Clients share no cached prefixes: the time to the first token would show whether another client sent the same prompt.
  const guessScope = guessScopeOf(client, sessionId);
  return { jobId, work, cacheScope: client, sessionId, guessScope, priority: when.priority, prior: before };
}

/**
 * Guesses show in a stream's times what earlier answers contain, so clients share no guesses. In local mode only a session tells clients apart. The
 * line break keeps its scope different from the name of a token.
 */
function guessScopeOf(client: string, sessionId: string | undefined): string | undefined {
  if (client !== localClient) return client;
  return sessionId === undefined ? undefined : `${client}\n${sessionId}`;
}
