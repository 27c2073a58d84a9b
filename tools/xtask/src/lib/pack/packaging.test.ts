// Compares the files in packaging/ with the flags, variables and drain time of the worker.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { repositoryPath } from "@waggle/testing/harness";
import { exitCodes, workerRouteGroups, type Route } from "@waggle/protocol";
import { workerSettings } from "../docs/settings-blocks.ts";

const read = (path: string): string => readFileSync(repositoryPath(path), "utf8");
const unit = read("packaging/systemd/waggle.service");
const containerfile = read("packaging/container/Containerfile");
const manifest = read("packaging/kubernetes/waggle.yaml");
const settings = workerSettings();
const flags = new Set(settings.map(({ flag }) => flag.split(" ")[0]));
const variables = new Set([...settings.map(({ variable }) => variable), "WAGGLE_API_TOKEN"]);

it("the files in packaging/ name only settings that exist", () => {
  // Only these lines have flags of the worker; other lines have flags of other programs.
  const commandLines = `${unit}\n${manifest}`.match(/^(?:ExecStart=| +args: ).*$/gm)?.join("\n") ?? "";
  const namedFlags = commandLines.match(/--[a-z][a-z-]+/g) ?? [];
  const namedVariables = `${unit}${containerfile}${manifest}`.match(/WAGGLE_[A-Z_]+/g) ?? [];
  expect(namedFlags.length).toBeGreaterThan(2);
  expect(namedVariables.length).toBeGreaterThan(4);
  expect(namedFlags.filter((flag) => !flags.has(flag))).toEqual([]);
  expect(namedVariables.filter((variable) => !variables.has(variable))).toEqual([]);
});

it.each(["waggle", "waggle-gateway", "waggle-hive"])("restarts %s after a failure, and not after a mistake", (name) => {
  const text = read(`packaging/systemd/${name}.service`);
  expect(text).toMatch(/^Restart=on-failure$/m);
  const prevented = /^RestartPreventExitStatus=(.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  expect(prevented).toContain(String(exitCodes.badConfiguration));
  expect(prevented).not.toContain(String(exitCodes.modelCannotBeLoaded));
});

it("gives each server's unit a state folder, and keeps a drained server away", () => {
  const folders = ["waggle", "waggle-gateway"].map((name) => {
    const text = read(`packaging/systemd/${name}.service`);
    expect(text).toMatch(/^RestartPreventExitStatus=.*\b143$/m);
    const folder = `/var/lib/${/^StateDirectory=(.+)$/m.exec(text)?.[1]}`;
    expect(`${/^Environment=XDG_STATE_HOME=(.+)$/m.exec(text)?.[1]}/waggle`).toMatch(new RegExp(`^${folder}(?:/|$)`));
    return folder;
  });
  // Each unit has its own user, and systemd gives a folder to the user of the last start.
  expect(new Set(folders).size).toBe(2);
});

const drainTimeout = settings.find(({ variable }) => variable === "WAGGLE_DRAIN_TIMEOUT")?.default ?? "";
const drainSeconds = Number(/^`(\d+)s`$/.exec(drainTimeout)?.[1]);

it("allows the time of a drain before the process is killed", () => {
  expect(drainSeconds).toBeGreaterThan(0);
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(drainSeconds);
  const preStopSeconds = Number(/setTimeout\(\(\) => \{\}, (\d+)000\)/.exec(manifest)?.[1]);
  const graceSeconds = Number(/terminationGracePeriodSeconds: (\d+)/.exec(manifest)?.[1]);
  expect(graceSeconds).toBeGreaterThan(preStopSeconds + drainSeconds);
});

it("uses existing probes, a user other than root, and a read-only root file system", () => {
  const paths = Array.from(manifest.matchAll(/path: (\/\w+z), port: http/g), ([, path]) => path);
  expect(paths).toEqual(["/livez", "/readyz"]);
  const routes = workerRouteGroups.flatMap((group) => Object.values<Route>(group.routes));
  expect(routes.filter(({ open }) => open).map(({ path }) => path)).toEqual(expect.arrayContaining(paths));
  expect(containerfile).toContain("/readyz");
  expect(containerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  expect(containerfile).toMatch(/^ENTRYPOINT \["waggle-worker"\]$/m);
  const documents = parseAllDocuments(manifest, { version: "1.1" }).map((one) => one.toJS() as Record<string, unknown>);
  expect(documents.map(({ kind }) => kind)).toEqual(["Secret", "PersistentVolumeClaim", "Deployment", "Service"]);
  expect(manifest).toContain("readOnlyRootFilesystem: true");
  expect(manifest).toContain("runAsNonRoot: true");
});
