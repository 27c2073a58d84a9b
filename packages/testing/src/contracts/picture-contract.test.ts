import { createHash } from "node:crypto";
import { createFakeBackend, type Picture } from "@waggle/engine";
import { createFakeKvSnapshots } from "@waggle/engine/testing";
import { parkContract } from "./park-contract.ts";
import { picturedJobs, pictureContract } from "./picture-contract.ts";
import { resumeContract } from "./resume-contract.ts";

function pictureOf(fill: number, length: number): Picture {
  const bytes = new Uint8Array(length).fill(fill);
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

// The fake backend divides pictures of an even number of bytes only.
for (const [kind, length] of [
  ["pictures that can be divided", 24],
  ["pictures that cannot be divided", 25],
] as const) {
  const options = { slots: 2, contextSize: 512, readsPictures: true, copies: true };
  const saved = createFakeKvSnapshots();
  const made = async () => createFakeBackend({ ...options, saved });
  const pictures = [pictureOf(1, length), pictureOf(2, length)] as const;
  pictureContract(`the fake backend, with ${kind},`, made, { pictures, remake: made });
  const jobs = picturedJobs(pictures[0]);
  resumeContract(`the fake backend with ${kind}`, async () => createFakeBackend(options), { jobs, alone: true });
  parkContract(`the fake backend with ${kind}`, async () => createFakeBackend({ ...options, contextSize: 256 }), {
    jobs,
    alone: true,
  });
}
