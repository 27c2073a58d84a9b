// Owns what users of Ollama, llama.cpp and Docker probably mean by a command or an option that `waggle` does not have.
const firstWord = "Name the model as the first word.";
const lastWord = "Write the prompt as the last word, in quotes.";
const ofHub = "Waggle has no account: HF_TOKEN has the token for models of Hugging Face.";
const ofWorker = "Use waggle serve --context-size <tokens>.";

const commands: Readonly<Record<string, string>> = {
  ls: "Use waggle list.",
  stop: "waggle unload removes a model from memory, and waggle drain ends a worker.",
  cp: "Use waggle serve --alias <alias=name>.",
  create: "Waggle serves GGUF files without a Modelfile: waggle serve <file>.",
  push: "Waggle downloads models only: upload them with the tools of their hub.",
  ...{ signin: ofHub, signout: ofHub },
};

const question: Readonly<Record<string, string>> = {
  ...{ "-m": firstWord, "--model": firstWord, "-p": lastWord, "--prompt": lastWord },
  ...{ "-c": ofWorker, "--ctx-size": ofWorker },
  "-n": "Use --set max_tokens=<n>.",
  "--temp": "Use --set temperature=<n>.",
};

const options: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  run: question,
  chat: question,
  logs: { "-n": "Use --lines <n>.", "--tail": "Use --lines <n>." },
};

const agentsOption = "Write the arguments of the agent after --.";

/** @param option the unknown option; undefined if the command is unknown */
export function adviceOn(command: string, option?: string): string | undefined {
  if (command === "launch" && option?.startsWith("-") === true) return agentsOption;
  const words = option === undefined ? commands : Object.hasOwn(options, command) ? options[command] : undefined;
  const word = option ?? command;
  return words !== undefined && Object.hasOwn(words, word) ? words[word] : undefined;
}
