// The seven whole topologies of conf/examples/ on a real kernel, each in its own network.

import { examplesServe } from "./examples.js";

examplesServe("examples/");
