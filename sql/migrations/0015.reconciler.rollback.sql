DROP TABLE imports.step_errors;
