console.log('hive');
