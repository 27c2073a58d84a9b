// Owns the specs of jobs that a test gives to an inline worker without HTTP.
import type { GenerateWork } from "@waggle/engine";
import { generateSpecOf } from "@waggle/front";
import type { JobSpec } from "@waggle/jobs";
import { GenerateRequestSchema } from "@waggle/protocol";
import type { GenerateRequestInput } from "@waggle/protocol";

type Scope = Parameters<typeof generateSpecOf>[1];

/** By default the temperature is 0 and the client is `a`. */
export function specOf(request: GenerateRequestInput, scope: Partial<Scope> = {}): JobSpec<GenerateWork> {
  const parsed = GenerateRequestSchema.parse({ temperature: 0, ...request });
  return generateSpecOf(parsed, { client: "a", trace: "t", model: "waggle-fake", direct: false, ...scope });
}
