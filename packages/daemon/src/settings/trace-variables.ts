// Reads OpenTelemetry's variables: which traces are recorded and where they are sent. The variables are often set for many programs at once, so a wrong
// value causes only a warning
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/, https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
import type { SamplerName, TraceSettings } from "../traces/index.ts";

export interface TraceConfig {
  /** Undefined when no traces are recorded. */
  readonly settings: TraceSettings | undefined;
  /** Sentences without the value of a variable, which may be a secret. */
  readonly warnings: readonly string[];
}

const samplers: Readonly<Record<SamplerName, true>> = {
  always_on: true,
  always_off: true,
  traceidratio: true,
  parentbased_always_on: true,
  parentbased_always_off: true,
  parentbased_traceidratio: true,
};
const tracesPath = "/v1/traces";
const maxMs = 86_400_000;
/** Smaller than the specification's 512, since a request is built between two tokens and must not delay them. */
const defaultBatchSize = 128;
const maxQueueSize = 65_536;

/** @param service the service name, unless a variable sets another one */
export function readTraceSettings(
  variable: (name: string) => string | undefined,
  service: { readonly name: string; readonly version: string; readonly instance: string },
): TraceConfig {
  const warnings: string[] = [];
  const ignore = (name: string, reason: string): undefined => {
    warnings.push(`The variable ${name} is ignored: ${reason}.`);
    return undefined;
  };
  const none = { settings: undefined, warnings };
  if (variable("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || variable("OTEL_TRACES_EXPORTER") === "none")
    return none;
  const url = endpointOf(variable, ignore);
  if (url === undefined) return none;

  const first = (...names: readonly string[]): string | undefined => names.find((name) => variable(name) !== undefined);
  const integer = (max: number, fallback: number, ...names: readonly string[]): number => {
    const name = first(...names);
    const text = name === undefined ? undefined : variable(name);
    if (name === undefined || text === undefined) return fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    return value >= 1 && value <= max
      ? value
      : (ignore(name, `it must be a whole number from 1 to ${max}`) ?? fallback);
  };
  const pairs = (name: string): Record<string, string> => {
    const text = variable(name);
    return text === undefined ? {} : (pairsOf(text) ?? ignore(name, "it must be name=value,name=value") ?? {});
  };

  const protocol = first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
  if (protocol !== undefined && !variable(protocol)?.startsWith("http/")) {
    ignore(protocol, "spans are sent as http/json, to a port that takes OTLP over HTTP, usually 4318");
  }
  const settings: TraceSettings = {
    url,
    headers: { ...pairs("OTEL_EXPORTER_OTLP_HEADERS"), ...pairs("OTEL_EXPORTER_OTLP_TRACES_HEADERS") },
    timeoutMs: integer(maxMs, 10_000, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
    delayMs: integer(maxMs, 5_000, "OTEL_BSP_SCHEDULE_DELAY"),
    batchSize: integer(maxQueueSize, defaultBatchSize, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
    queueSize: integer(maxQueueSize, 2_048, "OTEL_BSP_MAX_QUEUE_SIZE"),
    ...traceSampler(variable, ignore),
    resource: {
      "service.name": service.name,
      "service.version": service.version,
      "service.instance.id": service.instance,
      "telemetry.sdk.name": "waggle",
      "telemetry.sdk.language": "nodejs",
      ...pairs("OTEL_RESOURCE_ATTRIBUTES"),
      ...(variable("OTEL_SERVICE_NAME") === undefined ? {} : { "service.name": variable("OTEL_SERVICE_NAME") ?? "" }),
    },
  };
  return { settings, warnings };
}

type Variable = (name: string) => string | undefined;
type Ignore = (name: string, reason: string) => undefined;

/** The URL in the variable for traces is used unchanged. The URL in the variable for all signals is a base, to which a path is added. */
function endpointOf(variable: Variable, ignore: Ignore): string | undefined {
  for (const [name, path] of [
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", tracesPath],
  ] as const) {
    const text = variable(name);
    if (text === undefined) continue;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      return ignore(name, "it must be an http:// or https:// URL");
    // `fetch` refuses credentials in a URL.
    if (url.username !== "" || url.password !== "")
      return ignore(name, "credentials belong into OTEL_EXPORTER_OTLP_HEADERS");
    if (path !== "") url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
    return url.href;
  }
  return undefined;
}

function traceSampler(variable: Variable, ignore: Ignore): Pick<TraceSettings, "sampler" | "ratio"> {
  const name = variable("OTEL_TRACES_SAMPLER") ?? "parentbased_always_on";
  const known = Object.keys(samplers).find((sampler): sampler is SamplerName => sampler === name);
  if (known === undefined) ignore("OTEL_TRACES_SAMPLER", `it must be one of ${Object.keys(samplers).join(", ")}`);
  const text = variable("OTEL_TRACES_SAMPLER_ARG");
  const sampler = known ?? "parentbased_always_on";
  if (text === undefined || !sampler.endsWith("traceidratio")) return { sampler, ratio: 1 };
  const ratio = /^[\d.]{1,20}$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return { sampler, ratio };
  ignore("OTEL_TRACES_SAMPLER_ARG", "it must be a number from 0 to 1");
  return { sampler, ratio: 1 };
}

/** Parses `name=value,name=value`, percent-encoded; undefined for any other text. */
function pairsOf(text: string): Record<string, string> | undefined {
  const pairs: Record<string, string> = {};
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    const [, name = "", value = ""] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(item) ?? [];
    if (name === "") return undefined;
    try {
      pairs[decodeURIComponent(name)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return pairs;
}
