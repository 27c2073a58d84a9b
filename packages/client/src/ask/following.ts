export { followJob, type FollowEnd } from "./follow-job.ts";
export { readFrames } from "./frames.ts";
export { waitToRetry } from "./retry-wait.ts";
