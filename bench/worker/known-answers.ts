// Owns the scenarios whose answers can be guessed: they repeat their prompt, or a JSON schema decides most of them.
//
// All streams of a round have the same file in their prompts and the same answer, because a scripted model binds an answer to the prompt's length.
// The prompts begin differently, so that streams share no cache, and each round has other names, so that no earlier answer can be repeated.
import { createRandom } from "@waggle/testing/harness";
import { decodeFigures, type Figures } from "./figures.ts";
import { streamsLabel, type Scenario, type ScenarioOptions, type CaseInput } from "./scenario.ts";

const streamCounts = [1, 4, 8];
const promptTokens = 128;
const mostCallTokens = 300;

/** A scripted model changes a few words of the file in its prompt. */
export const edit: Scenario = {
  name: "edit",
  cases: ({ scripted }) =>
    streamCounts.map((streams) => ({
      label: streamsLabel(streams),
      contextTokens: 2 * taskOf(0).prompt.length,
      ...(scripted === undefined ? { skipped: "needs --scripted: random weights do not repeat a prompt" } : {}),
      async play(input) {
        const { prompt, edited } = taskOf(input.seed(0));
        const answer = { text: edited, at: prompt.length + streamDigits };
        return await playKnown({ input, streams, scripted, prompt, answer, maxTokens: edited.length });
      },
    })),
};

/** Calls of a tool as a JSON schema requires them: those of a scripted model, or random ones, which only the schema decides. */
export const tools: Scenario = {
  name: "tools",
  cases: ({ scripted }) =>
    streamCounts.map((streams) => ({
      label: streamsLabel(streams),
      contextTokens:
        (scripted === undefined ? promptTokens : taskOf(0).prompt.length) + 2 * streamDigits + mostCallTokens,
      async play(input) {
        const known = taskOf(input.seed(0));
        const prompt = scripted === undefined ? input.prompts.make(promptTokens, input.seed(0)) : known.prompt;
        const answer = { text: known.call, at: prompt.length + streamDigits };
        return await playKnown({ input, streams, scripted, prompt, answer, maxTokens: mostCallTokens, schema });
      },
    })),
};

/** A file with names that the seed decides, the request to edit it, and two answers. Lengths are the same for all seeds; all characters are ASCII. */
function taskOf(seed: number): { readonly prompt: string; readonly edited: string; readonly call: string } {
  const random = createRandom(seed);
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const name = (): string => Array.from({ length: nameLetters }, () => random.pick(letters)).join("");
  const [shelf, item, add, remove, count, renamed] = [name(), name(), name(), name(), name(), name()];
  const limits = `const most_${item} = 100;`;
  const file = `// Owns the ${shelf}: a list of ${item} entries with a limit.
${limits}

export function ${add}_${item}(${shelf}: string[], ${item}: string): string[] {
  if (${shelf}.length >= most_${item}) throw new Error("The ${shelf} is full");
  return [...${shelf}, ${item}];
}

export function ${remove}_${item}(${shelf}: string[], ${item}: string): string[] {
  return ${shelf}.filter((other) => other !== ${item});
}

export function ${count}_${item}(${shelf}: string[]): number {
  return ${shelf}.length;
}
`;
  const larger = limits.replace("100", "250");
  const edited = file.replace(limits, larger).replace(`${count}_${item}`, `${renamed}_${item}`);
  const arguments_ = { path: `src/${shelf}.ts`, old_text: limits, new_text: larger, replace_all: false };
  return {
    prompt: ` Let the ${shelf} have 250 entries, and rename ${count} to ${renamed}.\n\nsrc/${shelf}.ts:\n${file}\n`,
    edited,
    call: JSON.stringify({ name: "edit_file", arguments: arguments_ }),
  };
}

const nameLetters = 7;
/** Each prompt begins with the number of its stream. */
const streamDigits = 2;

const text = { type: "string", maxLength: 80 };
const properties = { path: text, old_text: text, new_text: text, replace_all: { type: "boolean" } };
const schema = objectOf({
  name: { enum: ["edit_file", "write_file"] },
  arguments: objectOf(properties),
});

function objectOf(own: Readonly<Record<string, object>>): object {
  return { type: "object", properties: own, required: Object.keys(own), additionalProperties: false };
}

interface Known extends Pick<ScenarioOptions, "scripted"> {
  readonly input: CaseInput;
  readonly streams: number;
  readonly prompt: string;
  readonly answer: { readonly text: string; readonly at: number };
  readonly maxTokens: number;
  readonly schema?: object;
}

/** Reads every prompt first, so that the measured requests are nothing but decoding. */
async function playKnown(known: Known): Promise<Figures> {
  const { input, streams, scripted, prompt, answer, maxTokens } = known;
  const constraint = known.schema === undefined ? {} : { schema: known.schema };
  scripted?.say({ at: answer.at, say: answer.text });
  const requests = Array.from({ length: streams }, (_, stream) => ({
    prompt: `${String(stream).padStart(streamDigits, "0")}${prompt}`,
    // The calls of one stream are a session, whose earlier answers show the form of a call.
    sessionId: `bench-${input.targetName}-${known.schema === undefined ? input.seed(stream) : `tools-${stream}`}`,
  }));
  for (const request of requests) await input.generate({ ...request, maxTokens: 1 });
  const answers = await Promise.all(
    requests.map((request) => input.generate({ ...request, ...constraint, maxTokens })),
  );
  const other = scripted === undefined ? undefined : answers.find(({ text: found }) => found !== answer.text);
  if (other === undefined) return decodeFigures(answers);
  throw new Error(
    `Cannot measure ${input.targetName}: it wrote ${JSON.stringify(other.text.slice(0, 60))} instead of the script. ` +
      "Start the server with the file that --scripted uses.",
  );
}
