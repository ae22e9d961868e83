module capykeys.example/verifier

go 1.23
