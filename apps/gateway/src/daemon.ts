// Runs the gateway as a daemon: joins the fleet, opens the port, and shuts both down at the end.
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { inBackground } from "@waggle/async";
import { createDaemonLane, createDeparture, withoutCredentials } from "@waggle/daemon";
import type { DaemonContext, Departure } from "@waggle/daemon";
import { createPages } from "@waggle/daemon/pages";
import { createGatewaySide, fleetVersion, newGatewayProcessId, openBroker, systemChance } from "@waggle/fleet";
import { listen } from "@waggle/front";
import { addressToOpen, machineAddress } from "@waggle/daemon/terminal";
import type { Banner } from "@waggle/daemon/terminal";
import type { WorkerMetrics } from "@waggle/telemetry";
import type { GatewayConfig } from "./config.ts";
import { WaggleError } from "@waggle/protocol";
import { createGateway } from "./gateway.ts";

/** Time limit for sending the ends of streams to their readers when the gateway leaves. */
const flushTimeoutMs = 1_000;
/** Time in which the fleet's workers report their models. */
const modelsKnownAfterMs = 15_000;
/** The worker's build of the pages; the path is the same from source and build. */
const pagesFolder = fileURLToPath(new URL("../../pages/dist/", import.meta.url));
const pageRoutes = {
  "/": "chat.html",
  "/status": "status.html",
  "/reference": "reference.html",
  "/preview": "preview.html",
} as const;

export interface DaemonOptions extends DaemonContext<GatewayConfig> {
  readonly metrics: WorkerMetrics;
}

/** @throws ListenError where the port cannot be opened; WaggleError invalid_argument for a NATS server that must not be used */
export async function startDaemon(options: DaemonOptions): Promise<Departure> {
  const { config, log, clock, print, screen } = options;
  const startedAt = new Date().toISOString();
  const { natsUrl, natsCreds, natsInsecure, gatewayId } = config;
  const broker = openBroker({
    url: natsUrl,
    credsFile: natsCreds,
    insecure: natsInsecure,
    name: gatewayId,
    log,
    clock,
    random: systemChance.next,
  });
  const side = createGatewaySide({
    broker,
    id: newGatewayProcessId(gatewayId, systemChance),
    clientShare: config.clientQueueShare,
    clock,
    chance: systemChance,
    log,
  });
  const lane = createDaemonLane({ ...options, modelsKnownAfterMs });
  let ownUrl = "";
  let departure: Departure | undefined;
  const url = (): string => config.advertiseUrl ?? ownUrl;
  const pages = createPages({ folder: pagesFolder, routes: pageRoutes });
  const gateway = createGateway({
    ...options,
    side,
    chance: systemChance,
    pages,
    lane,
    url,
    drain() {
      if (departure === undefined) throw new WaggleError("unavailable", "Cannot drain: the gateway is still starting.");
      departure.drain(128 + constants.signals.SIGTERM);
    },
  });
  const server = await listen(gateway.app, config.host, config.port, config).catch(async (error: unknown) => {
    await gateway.stop();
    await broker.close();
    throw error;
  });
  ownUrl = server.url;
  lane.start();
  print({ type: "listening", url: ownUrl, pid: process.pid });
  screen?.opened(bannerOf(ownUrl, config));
  log.info({ url: ownUrl, version: config.version, local_mode: config.localMode, gateway: gatewayId }, "listening");
  side.report(() => ({
    version: fleetVersion,
    kind: "gateway",
    id: gatewayId,
    url: url(),
    startedAt,
    jobs: gateway.registry.liveCount,
    waiting: gateway.waiting,
  }));

  return (departure = createDeparture({
    clock,
    log,
    drainTimeoutMs: config.drainTimeoutMs,
    refuse() {
      // Its lines are asked again after the restart, so the drain does not wait for them.
      inBackground("close the lane", lane.close());
      gateway.refuse();
    },
    idle: gateway.idle,
    liveJobs: () => gateway.registry.liveCount,
    jobsToHandOver: gateway.jobsToHandOver,
    onLeaving: screen?.leaving,
    onCutting: screen?.cutting,
    async takeDown(before) {
      gateway.abort();
      server.stopAccepting();
      await before(server.answered(), flushTimeoutMs);
      await Promise.all([gateway.stop(), lane.close()]);
      await broker.close();
      await server.close();
    },
  }));
}

function bannerOf(
  url: string,
  { localMode, version, natsUrl, advertiseUrl, allowedHosts: names }: GatewayConfig,
): Banner {
  const open = localMode ? url : addressToOpen({ url, advertiseUrl, names, machine: machineAddress() });
  return {
    title: `Waggle gateway ${version}`,
    rows: [
      ["Open", open],
      ["Fleet", withoutCredentials(natsUrl)],
      ["Mode", localMode ? "local mode: this machine only, no token" : "network mode: a token is needed"],
    ],
    more: [["Workers", `waggle serve --nats-url ${withoutCredentials(natsUrl)}`]],
  };
}
