import { expect, it } from "vitest";
import { startFakeWorker } from "../testing/fake-worker.ts";
import { runCommand } from "../testing/run-command.ts";

it("a piped chat runs slash commands, and sends the other lines as messages", async () => {
  await using worker = await startFakeWorker();
  const stdin = "/system Be brief.\n/set seed 7\nhi\\\nthere\n/help\n/exit\nnever asked\n";
  const { code, out, err } = await runCommand(["chat", "--url", worker.url], { stdin });
  expect({ code, out }).toEqual({ code: 0, out: "Hello there\n" });
  expect(err).toContain("/clear");
  const posts = worker.asked.filter(([method, path]) => method === "POST" && path === "/v1/jobs");
  expect(posts.map(([, , body]) => body)).toMatchObject([
    {
      seed: 7,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hi\nthere" },
      ],
    },
  ]);
});

it("a piped chat ends at an invalid command", async () => {
  await using worker = await startFakeWorker();
  const { code, err } = await runCommand(["chat", "--url", worker.url], { stdin: "/nonsense\nhi\n" });
  expect({ code, err }).toMatchObject({
    code: 1,
    err: expect.stringContaining("Unknown command /nonsense.") as string,
  });
  expect(worker.asked.filter(([method]) => method === "POST")).toEqual([]);
});
