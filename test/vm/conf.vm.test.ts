// The short examples of conf/ on a real kernel. A file of its own beside examples.vm.test.ts: together they take too long.

import { examplesServe } from "./examples.js";

examplesServe("");
