from doorbell.cli import main

main()
