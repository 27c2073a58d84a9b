// Owns the command chat:picture: waggle chat in a real terminal (tmux), typed into, and what it shows as docs/images/chat-terminal.svg.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daemonCommand, poll, repositoryPath, withoutSettings } from "@waggle/harness";
import type { Command } from "commander";
import { execa } from "execa";
import { runsOf } from "../lib/picture/ansi-cells.ts";
import { terminalSvg } from "../lib/picture/terminal-svg.ts";

const columns = 92;
const rows = 27;
const showLimitMs = 60_000;
const target = "docs/images/chat-terminal.svg";

export function addChatPicture(program: Command): void {
  program
    .command("chat:picture")
    .description(`make ${target} anew, with the embedded model; needs tmux`)
    .action(makePicture);
}

async function makePicture(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "waggle-picture-"));
  const server = `waggle-picture-${process.pid}`;
  const tmux = async (...words: readonly string[]): Promise<string> =>
    (await execa("tmux", ["-L", server, ...words])).stdout;
  const shows = async (text: string): Promise<unknown> =>
    await poll(`"${text}" in the terminal`, async () => (await tmux("capture-pane", "-p")).includes(text), showLimitMs);
  const type = async (text: string): Promise<unknown> => await tmux("send-keys", text, "Enter");
  try {
    // The shell's own words stay out of the picture; what is typed into it is what a person would type.
    const waggle = [...sourceCommand(), "chat", "--set", "seed=7", "--set", "temperature=0.5"].map(quoted).join(" ");
    const env = { ...withoutSettings(process.env), WAGGLE_PORT: "2", XDG_STATE_HOME: home, XDG_CACHE_HOME: home };
    const size = ["-x", String(columns), "-y", String(rows)];
    await execa("tmux", ["-L", server, "-f", "/dev/null", "new-session", "-d", ...size, `exec ${waggle}`], {
      env,
      extendEnv: false,
    });
    await shows("Ctrl-D leaves");
    await type("Tell me a story about a dog and a ball.");
    await shows("tokens/s");
    await type("/set temperature 0.2");
    await shows("temperature = 0.2");
    await type("And one that never ends.");
    await poll(
      "words of the answer",
      async () => /never ends\.\n(?!reading).{20}/.test(await tmux("capture-pane", "-p")),
      showLimitMs,
    );
    await tmux("send-keys", "C-c");
    await shows("Stopped.");
    const pane = await tmux("capture-pane", "-e", "-p");
    const picture = terminalSvg(runsOf(pane.trimEnd()), { columns, title: "waggle chat" });
    writeFileSync(repositoryPath(target), picture);
    process.stdout.write(`${target}\n`);
  } finally {
    await execa("tmux", ["-L", server, "kill-server"], { reject: false });
    rmSync(home, { recursive: true, force: true });
  }
}

/** waggle from its source, as daemons of a developer are started. */
function sourceCommand(): readonly string[] {
  return daemonCommand("worker").map((word) => word.replace("apps/worker/", "apps/cli/"));
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
