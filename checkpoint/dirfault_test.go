package checkpoint_test

func faulty(string) int { return 0 }

const faultyDir = "X"
