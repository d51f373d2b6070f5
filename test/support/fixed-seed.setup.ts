import fc from "fast-check";

// The same scenarios in every run: what fails here fails again. test/soak/ has others, without end.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_261_128 });
