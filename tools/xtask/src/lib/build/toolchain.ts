// Checks whether this machine has the tools to compile the addon or the engine, and says how to install missing ones.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

interface Tool {
  readonly name: string;
  /** One installed command is enough. */
  readonly commands: readonly string[];
  /** The name of the package, where it differs from the command. */
  readonly packages?: { readonly debian: string; readonly fedora: string };
}

const compiler: Tool = {
  name: "a C++ compiler",
  commands: ["c++", "g++", "clang++"],
  packages: { debian: "g++", fedora: "gcc-c++" },
};

/** The tools to compile our addon. */
export const addonTools: readonly Tool[] = [compiler, { name: "git", commands: ["git"] }];
/** The tools to compile all of llama.cpp. */
export const fullTools: readonly Tool[] = [
  { name: "cmake", commands: ["cmake"] },
  { name: "make", commands: ["make"] },
  ...addonTools,
];

/** A build tool is missing on this machine, so a second try does not help. */
export class ToolchainError extends Error {
  override readonly name = "ToolchainError";
}

/**
 * @param path the PATH variable
 * @returns the command of the C++ compiler
 * @throws ToolchainError naming all missing tools and how to install them
 */
export function checkToolchain(tools: readonly Tool[], path: string, platform = process.platform): string {
  if (platform !== "linux" && platform !== "darwin") {
    throw new ToolchainError(`Cannot compile: ${platform} is not supported`);
  }
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const missing = tools.filter((tool) => installed(tool, folders) === undefined);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    throw new ToolchainError(`Cannot compile: not installed: ${names}. ${remedy(missing, platform)}`);
  }
  return String(installed(compiler, folders));
}

function remedy(missing: readonly Tool[], platform: "linux" | "darwin"): string {
  const others = missing.filter((tool) => tool.name === "cmake").map(() => ", then brew install cmake libomp");
  if (platform === "darwin") return `macOS: xcode-select --install${others.join("")}`;
  const packages = (system: "debian" | "fedora"): string =>
    missing.map(({ packages: names, commands }) => names?.[system] ?? commands[0]).join(" ");
  return `Debian and Ubuntu: apt install ${packages("debian")}; Fedora: dnf install ${packages("fedora")}; Alpine: apk add ${packages("debian")}`;
}

/** @returns the first of the tool's commands that is installed */
function installed({ commands }: Tool, folders: readonly string[]): string | undefined {
  return commands.find((command) => folders.some((folder) => isExecutable(join(folder, command))));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
