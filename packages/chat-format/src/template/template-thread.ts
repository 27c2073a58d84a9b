// Runs as a thread: renders templates.
import { serveTasks } from "@waggle/async";
import { createTaskPerformer } from "./render-task.ts";

serveTasks(createTaskPerformer());
