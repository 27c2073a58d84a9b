import { expect, it } from "vitest";
import { startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand } from "../testing/run-command.ts";

it("obeys its commands in a pipe, and sends none of them as a message", async () => {
  await using worker = await startFakeWorker();
  const stdin = "/system Be brief.\n/set seed 7\nhi\n/help\n/exit\nnever asked\n";
  const { code, out, err } = await runCommand(["chat", "--url", worker.url], { stdin });
  expect({ code, out }).toEqual({ code: 0, out: "Hello there\n" });
  expect(err).toContain("/clear");
  const posts = worker.asked.filter(([method, path]) => method === "POST" && path === "/v1/inference");
  expect(posts.map(([, , body]) => body)).toMatchObject([
    {
      seed: 7,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hi" },
      ],
    },
  ]);
});

it("ends at an invalid command, since a pipe cannot correct it", async () => {
  await using worker = await startFakeWorker();
  const { code, err } = await runCommand(["chat", "--url", worker.url], { stdin: "/nonsense\nhi\n" });
  expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining("There is no /nonsense.") as string });
  expect(worker.asked.filter(([method]) => method === "POST")).toEqual([]);
});
