"""What the help texts of the programs have in common."""

DATA_FORMS = (
    "annotation CSV (path,label[,start,end]), folder of classes, folder of shards, or NAME:SPLIT:ROOT, where NAME is "
    "jester, something_something or egogesture, and SPLIT train, validation or test"
)
