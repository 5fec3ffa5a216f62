"""Stories and experiments that are being written: forms, what is wrong beside each field, saving."""
