// The parts of the client that follow a stream, for pages that keep their answers themselves.
export { followJob, type FollowEnd } from "./follow-job.ts";
export { readFrames } from "./frames.ts";
export { waitToRetry } from "./retry-wait.ts";
