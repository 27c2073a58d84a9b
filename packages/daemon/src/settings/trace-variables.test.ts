import { expect, test } from "vitest";
import { readTraceSettings } from "./trace-variables.ts";
import type { TraceConfig } from "./trace-variables.ts";

function read(variables: Readonly<Record<string, string>>): TraceConfig {
  return readTraceSettings((name) => variables[name], {
    name: "waggle-worker",
    version: "1.2.3",
    instance: "worker-1",
  });
}

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

test.each([
  {},
  { OTEL_SERVICE_NAME: "x", OTEL_TRACES_SAMPLER: "always_on" },
  { ...endpoint, OTEL_SDK_DISABLED: "TRUE" },
  { ...endpoint, OTEL_TRACES_EXPORTER: "none" },
])("%j asks for no traces", (variables) => {
  expect(read(variables)).toEqual({ settings: undefined, warnings: [] });
});

test("an endpoint alone turns traces on", () => {
  expect(read(endpoint)).toEqual({
    warnings: [],
    settings: {
      url: "http://collector:4318/v1/traces",
      headers: {},
      timeoutMs: 10_000,
      delayMs: 5_000,
      batchSize: 128,
      queueSize: 2_048,
      sampler: "parentbased_always_on",
      ratio: 1,
      resource: {
        "service.name": "waggle-worker",
        "service.version": "1.2.3",
        "service.instance.id": "worker-1",
        "telemetry.sdk.name": "waggle",
        "telemetry.sdk.language": "nodejs",
      },
    },
  });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/otlp/" }, "https://c/otlp/v1/traces"],
  [{ ...endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://t:1/spans" }, "http://t:1/spans"],
])("%j posts to %s", (variables, url) => {
  expect(read(variables).settings?.url).toBe(url);
});

test("variables for traces override variables for all signals", () => {
  const { settings, warnings } = read({
    ...endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b, x-team=bees",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-key=c=d",
    OTEL_EXPORTER_OTLP_TIMEOUT: "3000",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "2000",
    OTEL_RESOURCE_ATTRIBUTES: "service.name=other,deployment.environment.name=test",
    OTEL_SERVICE_NAME: "mine",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
    OTEL_BSP_MAX_QUEUE_SIZE: "10",
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "5",
    OTEL_BSP_SCHEDULE_DELAY: "100",
  });
  expect(warnings).toEqual([]);
  expect(settings).toMatchObject({
    headers: { "x-key": "c=d", "x-team": "bees" },
    timeoutMs: 2_000,
    delayMs: 100,
    batchSize: 5,
    queueSize: 10,
    sampler: "parentbased_traceidratio",
    ratio: 0.25,
    resource: { "service.name": "mine", "deployment.environment.name": "test", "service.version": "1.2.3" },
  });
});

test.each([
  ["OTEL_EXPORTER_OTLP_HEADERS", "secret"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "x-key=%zzsecret"],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s-secret"],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
  ["OTEL_TRACES_SAMPLER", "sometimes-secret"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
])("a bad %s is a warning that does not show it, and its default", (name, value) => {
  const { settings, warnings } = read({ ...endpoint, [name]: value });
  expect(settings).toEqual(read(endpoint).settings);
  expect(warnings).toEqual([expect.stringMatching(new RegExp(`^The variable ${name} is ignored: .*\\.$`))]);
  expect(warnings.join()).not.toContain("secret");
});

test("a wrong ratio causes a warning", () => {
  const { settings, warnings } = read({
    ...endpoint,
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "2",
  });
  expect([settings?.ratio, warnings]).toEqual([1, [expect.stringContaining("OTEL_TRACES_SAMPLER_ARG")]]);
});

test.each(["collector:4318", "grpc://collector", "http://user:secret@collector"])(
  "the endpoint %j is a warning, and no traces",
  (url) => {
    const { settings, warnings } = read({ OTEL_EXPORTER_OTLP_ENDPOINT: url });
    expect(settings).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining("OTEL_EXPORTER_OTLP_ENDPOINT")]);
    expect(warnings.join()).not.toContain("secret");
  },
);
