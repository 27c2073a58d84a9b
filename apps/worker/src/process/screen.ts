// Owns what a worker shows on a terminal: its address, the loading of its model, its device, and how it leaves.
import { inBackground } from "@waggle/async";
import type { Clock, ConflatedChannel } from "@waggle/async";
import type { BackendInfo } from "@waggle/engine";
import type { LoadingEvent } from "@waggle/protocol";
import { addressToOpen, formatDuration, formatTransfer, machineAddress } from "@waggle/daemon/terminal";
import type { Banner, DaemonScreen, Transfer } from "@waggle/daemon/terminal";
import type { WorkerConfig } from "../config.ts";
import { defaultPort } from "../config/well-known.ts";

export interface WorkerScreen extends Pick<DaemonScreen, "note" | "leaving" | "cutting"> {
  opened(facts: OpenFacts): void;
  /** Shows the loading of the model that the worker loads at its start, until the model is ready or has failed. */
  follow(model: string, loading: ConflatedChannel<LoadingEvent>): void;
  /** Reports bytes and speed of the download that `follow` shows. */
  downloading(transfer: Transfer): void;
  /** Shows the time since the port was opened, which is how long the user has waited. */
  ready(model: string, info: BackendInfo | undefined): void;
  waiting(): void;
}

export interface OpenFacts {
  readonly url: string;
  readonly ollamaUrl: string | undefined;
  readonly models: readonly string[];
}

export interface WorkerScreenOptions {
  readonly config: Pick<
    WorkerConfig,
    "localMode" | "version" | "hiveUrl" | "natsUrl" | "backend" | "advertiseUrl" | "allowedHosts" | "command"
  >;
  readonly screen: DaemonScreen;
  readonly clock: Clock;
}

/** Further models are shown as a number. */
const modelsShown = 4;
/** URL at which `waggle` looks for a worker by default. */
const usualUrl = `http://127.0.0.1:${defaultPort}`;

export function createWorkerScreen({ config, screen, clock }: WorkerScreenOptions): WorkerScreen {
  let loaded = false;
  let transfer: Transfer = {};
  let openedAt = clock.now();

  async function show(model: string, loading: ConflatedChannel<LoadingEvent>): Promise<void> {
    for await (const event of loading.watch()) {
      if (loaded || event.type !== "loading") return;
      const isDownload = event.stage === "downloading";
      const share = event.progress > 0 ? event.progress : undefined;
      screen.progress(
        `${isDownload ? "Downloading" : "Loading"} ${model}`,
        share,
        isDownload ? formatTransfer(transfer) : "",
      );
    }
  }

  return {
    opened(facts) {
      openedAt = clock.now();
      screen.opened(bannerOf(facts, config));
    },
    follow(model, loading) {
      inBackground("show the load", show(model, loading));
    },
    downloading: (now) => void (transfer = now),
    ready(model, info) {
      loaded = true;
      const where = info === undefined || config.backend === "fake" ? "" : ` It computes on ${deviceWords(info)}.`;
      screen.ready(`${model} is ready, after ${formatDuration(clock.now() - openedAt)}.${where}`);
    },
    waiting: () => screen.ready("Ready. Each model loads with its first request."),
    note: screen.note,
    leaving: screen.leaving,
    cutting: screen.cutting,
  };
}

function deviceWords({ device, threads }: BackendInfo): string {
  return device === "cpu" ? `the processor (${threads} ${threads === 1 ? "thread" : "threads"})` : device;
}

export function bannerOf(
  { url, ollamaUrl, models }: OpenFacts,
  { localMode, version, hiveUrl, natsUrl, backend, advertiseUrl, allowedHosts, command }: WorkerScreenOptions["config"],
  machine: string = machineAddress(),
): Banner {
  // In local mode the worker accepts all names of this machine.
  const open = localMode ? url : addressToOpen({ url, advertiseUrl, names: allowedHosts, machine });
  const chat = `${command} chat${open === usualUrl ? "" : ` --url ${open}`}`;
  const key = localMode ? "none" : "<token>";
  const names = [
    ...models.slice(0, modelsShown),
    ...(models.length > modelsShown ? [`${models.length - modelsShown} more`] : []),
  ];
  return {
    title: `Waggle ${version}`,
    rows: [
      ["Open", open],
      [models.length === 1 ? "Model" : "Models", names.join(", ") || "none yet"],
      ["Mode", localMode ? "local mode: this machine only, no token" : "network mode: a token is needed"],
      ...(backend === "fake" ? [["Backend", "fake: there is no model, every answer is canned"] as const] : []),
      ...(hiveUrl === undefined ? [] : [["Hive", hiveUrl] as const]),
      ...(natsUrl === undefined ? [] : [["Fleet", natsUrl.replace(/\/\/[^@/]*@/g, "//")] as const]),
    ],
    more: [
      ["OpenAI", `OPENAI_BASE_URL=${open}/v1 OPENAI_API_KEY=${key}`],
      ["Anthropic", `ANTHROPIC_BASE_URL=${open} ANTHROPIC_AUTH_TOKEN=${key}`],
      ["Ollama", `OLLAMA_HOST=${ollamaUrl ?? open}`],
      ["Terminal", localMode ? chat : `WAGGLE_API_TOKEN=<token> ${chat}`],
    ],
  };
}
