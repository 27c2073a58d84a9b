// A thread for tests: adds its `workerData` to the first number that it receives.
import { parentPort, workerData } from "node:worker_threads";
import { deferred } from "../waiting/deferred.ts";

const first = deferred<number>();
parentPort?.once("message", (number: number) => first.resolve(number));
void first.promise.then((number) => parentPort?.postMessage(number + (workerData as number)));
