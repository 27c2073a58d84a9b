// Owns the limits on what MCP servers send, and what their calls take. Servers are other people's programs: a limit that a server exceeds ends
// its connection or leaves a part out, and no other server notices.

export const serverLimits = {
  /** Bytes of one message, or of one response over HTTP: a large screenshot as base64 fits. */
  messageBytes: 4_194_304,
  /** Messages of a server in a second. Reading so many takes a few milliseconds; a talkative server sends tens. */
  messages: 1_000,
  messageWindowMs: 1_000,
  /** Bytes of a server in ten seconds: several calls may return screenshots at a time. */
  bytes: 33_554_432,
  byteWindowMs: 10_000,
  /** Bytes that wait for a server that does not read its stdin: the longest arguments of a call fit. */
  waitingBytes: 4_194_304,
  /** Answers to requests of the server, such as pings, that are sent over HTTP at a time. More are not answered. */
  replies: 4,
  /** Time for sending a message over HTTP that has no answer. */
  postMs: 10_000,
  /** Characters of the id of a server's request, which the answer repeats. */
  idChars: 256,
  /** Memory of the thread of a server: the values of the worst message of 4 MiB fit. */
  heapMiB: 256,
  /** A larger heap is shrunk, so often: a thread without large messages needs ten megabytes. */
  idleHeapMiB: 32,
  shrinkMs: 5_000,
  /** Time for starting a server, and for its list of tools. `npx` may download the server first. */
  connectMs: 60_000,
  /** Time for the first request over HTTP. An older server may not answer it, and is asked in another way then. */
  discoverMs: 10_000,
  /** How long requests wait for a server that the daemon starts for the first time. */
  firstStartMs: 2_000,
  /** How long calls fail at once after a failed start. */
  retryDelaysMs: [1_000, 5_000, 30_000, 60_000],
  /** Starts of a server in half a minute: one that ends after each call can be used, and one that ends at once does not start all the time. */
  starts: 8,
  startWindowMs: 30_000,
  /** Time between the end of a server's input and SIGTERM, and between SIGTERM and SIGKILL. */
  graceMs: 1_000,
  /** A thread that does not confirm a cancel or its end for so long is killed. A busy machine delays a thread by less. */
  stuckMs: 10_000,
  /** Calls that run at one server at a time. Further calls wait, and clients take turns. */
  calls: 16,
  /** Time between two lists of tools that the server announces with `tools/list_changed`. The first one is read at once. */
  relistMs: 5_000,
  /** Delays before a closed stream is asked for again, unless the server names one within these bounds. */
  resumeMs: 1_000,
  shortestResumeMs: 100,
  longestResumeMs: 30_000,
  /** How often in a row a stream without a new event is asked for again. */
  resumes: 8,
} as const;

export const toolLimits = {
  /** Tools of one server, as many as a request may have. */
  tools: 128,
  /** Pages of one list, and tools of all pages that are looked at. */
  pages: 32,
  listed: 2_048,
  /** Characters of a tool's name with its server's name. */
  nameChars: 64,
  descriptionChars: 4_096,
  /** Characters of a tool's parameters, and of the parameters of all tools, as JSON: half of what a request may have. */
  parametersChars: 32_768,
  allParametersChars: 524_288,
  /** Values of the parameters of all tools: the daemon's thread makes objects of them, so many in about ten milliseconds. */
  allParametersValues: 32_768,
  /** Levels of a tool's parameters. The body of a request may have 128; there the parameters are four levels deep. */
  parametersDepth: 124,
} as const;

export const resultLimits = {
  /** Characters of a result. The context of the model may hold less. */
  chars: 262_144,
  /** Parts of a result that are read. */
  parts: 1_024,
  /** Pictures of a result, and the characters of all their data as base64. */
  pictures: 8,
  pictureChars: 4_194_304,
  /** Levels of structured content. */
  depth: 128,
  uriChars: 1_024,
  typeChars: 64,
} as const;
