// Owns what must hold between settings of the front, whichever program has them.

export interface ReplaySizes {
  readonly replayBufferBytes: number;
  readonly replayTotalBytes: number;
  readonly answerTotalBytes: number;
}

/** Undefined where nothing is wrong. */
export function replayProblem({
  replayBufferBytes,
  replayTotalBytes,
  answerTotalBytes,
}: ReplaySizes): string | undefined {
  const tooSmall = replayBufferBytes > replayTotalBytes ? "--replay-total" : "--answer-total";
  if (replayBufferBytes <= Math.min(replayTotalBytes, answerTotalBytes)) return undefined;
  return `Cannot use a --replay-buffer larger than ${tooSmall}: one job would fill more than all may.`;
}
